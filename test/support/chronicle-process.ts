/**
 * A chronicle that is open in another process (test/programs/chronicle.mjs).
 */
import type { AppendOptions, AppendResult, ChronicleOptions, JsonObject } from 'holdfast';
import type { Gate } from './gate.js';
import { type Launch, Program } from './processes.js';

/** An error that was thrown in the other process, with what a HoldfastError tells. */
export class RemoteError extends Error {
  readonly code?: string;
  readonly field?: string;
  readonly path?: string;
  readonly outcomeUnknown?: boolean;
  override readonly cause?: { readonly code: string };
}

/** What became of a call in the other process. */
interface Outcome {
  readonly value?: unknown;
  readonly error?: object & { readonly message: string };
}

async function settle<T>({ value, error }: Outcome): Promise<T> {
  if (error) throw Object.assign(new RemoteError(error.message), error);
  return value as T;
}

interface Message extends Outcome {
  readonly call?: number;
  readonly acknowledged?: AppendResult;
  readonly stopped?: true;
}

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class ChronicleProcess {
  /** What was acknowledged to {@link flood}: known here, whatever becomes of the process. */
  readonly acknowledged: AppendResult[] = [];
  readonly #program: Program;
  readonly #calls = new Map<number, Call>();
  #lastCall = 0;
  #onAcknowledged: () => void = () => {};
  #onStopped: () => void = () => {};

  /** Starts a process that has `path` open. */
  static async open(
    path: string,
    options?: ChronicleOptions,
    launch?: Omit<Launch, 'name'>,
  ): Promise<ChronicleProcess> {
    const started = new ChronicleProcess(launch);
    await started.ask('open', path, options ?? {});
    return started;
  }

  constructor(launch?: Omit<Launch, 'name'>) {
    this.#program = new Program({ name: 'chronicle', ...launch });
    void this.#listen();
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Calls a method of the program. The answers of several calls come in whatever order they are ready. */
  ask<T>(method: string, ...args: unknown[]): Promise<T> {
    const call = ++this.#lastCall;
    return new Promise<T>((resolve, reject) => {
      this.#calls.set(call, { resolve: (value) => resolve(value as T), reject });
      this.#program.send({ call, method, args });
    });
  }

  append(event: JsonObject, options?: AppendOptions): Promise<AppendResult> {
    return this.ask('append', event, options ?? {});
  }

  appendMany(events: readonly JsonObject[]): Promise<AppendResult[]> {
    return this.ask('appendMany', events);
  }

  /** As many callers append at once, in the same turn of the event loop; what became of each. */
  async appendAtOnce(events: readonly JsonObject[]): Promise<PromiseSettledResult<AppendResult>[]> {
    const outcomes = await this.ask<Outcome[]>('appendAtOnce', events);
    return Promise.allSettled(outcomes.map(settle<AppendResult>));
  }

  /** `callers` callers append `count` events each, one after the other, of these sizes in bytes in turn. */
  flood(name: string, callers: number, count: number, sizes: readonly number[]): Promise<void> {
    return this.ask('flood', name, callers, count, sizes);
  }

  /** Waits until so many events of {@link flood} were acknowledged, or the process has ended. */
  async acknowledgements(count: number): Promise<void> {
    while (this.acknowledged.length < count && this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onAcknowledged = resolve;
      });
    }
  }

  /** Resolves when the event loop answers: whatever it had to do before is done. */
  ping(): Promise<void> {
    return this.ask('ping');
  }

  /** Stops the event loop until the gate opens, and resolves when it stands still. */
  stopAt(gate: Gate): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onStopped = resolve;
      this.ask('stopAt', gate.path).catch(reject);
    });
  }

  /** Resolves when the process has ended by itself. */
  get ended(): Promise<number | NodeJS.Signals> {
    return this.#program.exited;
  }

  kill(): Promise<void> {
    return this.#program.kill();
  }

  async #listen(): Promise<void> {
    try {
      for (;;) this.#receive(await this.#program.next<Message>());
    } catch (error) {
      for (const { reject } of this.#calls.values()) reject(error as Error);
      this.#calls.clear();
      this.#onAcknowledged();
    }
  }

  #receive({ call, acknowledged, stopped, ...outcome }: Message): void {
    if (acknowledged) {
      this.acknowledged.push(acknowledged);
      this.#onAcknowledged();
    }
    if (stopped) this.#onStopped();
    if (call === undefined) return;
    const { resolve, reject } = this.#calls.get(call) as Call;
    this.#calls.delete(call);
    settle(outcome).then(resolve, reject);
    this.#onAcknowledged();
  }
}
