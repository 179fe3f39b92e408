/**
 * Scripted scenarios: what one process does to a chronicle, step by step, with a model of what it was
 * promised. The fault loop and the power-loss checker run them. A scenario is data; a new step is one more
 * function.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { AppendResult, ChronicleOptions, LockOptions } from 'holdfast';
import { type ChronicleProcess, RemoteError } from '../support/chronicle-process.js';
import { filesOf, linesOf, type RawLine } from '../support/lines.js';

/** What befell an event that was sent. */
type Fate = 'acknowledged' | 'refused' | 'unknown';

const lineOf = (eventId: string) => JSON.stringify({ eventId, text: `the event ${eventId}` });

/** One run of a scenario: what was sent, and what became of it. */
export class Run {
  /** The worst that is certain of each event: acknowledged once is acknowledged. */
  readonly fates = new Map<string, Fate>();
  readonly offsets = new Map<string, number>();
  readonly errors: RemoteError[] = [];
  /** What the scenario put into the file itself, as a writer leaves it that died. */
  readonly torn: string[] = [];
  /** What the file that is replaced atomically may hold; '' stands for no file. */
  states: string[] = [''];
  /** Called with each event when it is acknowledged. */
  onAcknowledged: (eventId: string) => void = () => {};

  constructor(
    readonly process: ChronicleProcess,
    readonly file: string,
    readonly scenario: Scenario,
  ) {}

  /** Whether a chronicle is open; where opening failed, nothing can be appended. */
  #isOpen = false;

  async open(options: ChronicleOptions = this.scenario.options): Promise<void> {
    await this.#ask('open', this.file, { lockTimeout: 50, ...options });
    this.#isOpen = this.#succeeded;
  }

  async close(): Promise<void> {
    if (this.#isOpen) await this.#ask('close');
    this.#isOpen = false;
  }

  async append(ids: readonly string[], method = 'appendMany'): Promise<void> {
    if (!this.#isOpen) return;
    const events = ids.map((eventId) => JSON.parse(lineOf(eventId)));
    await this.#settle(
      async () => {
        const results = await this.process.ask<AppendResult[]>(method, events);
        results.forEach((result, index) => {
          this.#acknowledge(ids[index] as string, result);
        });
      },
      (error) => {
        for (const id of ids) {
          if (error.outcomeUnknown && this.fates.get(id) !== 'acknowledged') this.fates.set(id, 'unknown');
          else if (!this.fates.has(id)) this.fates.set(id, 'refused');
        }
      },
    );
  }

  async repair(): Promise<void> {
    if (this.#isOpen) await this.#ask('repair');
  }

  lock(options: LockOptions): Promise<void> {
    return this.#ask('lock', `${this.file}.lock`, { timeout: 50, ...options });
  }

  /** Replaces a file beside the chronicle. */
  async writeAtomically(content: string): Promise<void> {
    const { file } = this;
    await this.#settle(
      async () => {
        await this.process.ask('writeFileAtomic', `${file}.state`, content, { parents: true });
        this.states = [content];
      },
      (error) => {
        if (error.outcomeUnknown) this.states.push(content);
      },
    );
  }

  #ask(method: string, ...args: unknown[]): Promise<void> {
    return this.#settle(
      () => this.process.ask(method, ...args),
      () => {},
    );
  }

  /** The same run, gone on with in another process. */
  continueIn(process: ChronicleProcess): Run {
    const next = new Run(process, this.file, this.scenario);
    for (const [id, fate] of this.fates) next.fates.set(id, fate);
    for (const [id, offset] of this.offsets) next.offsets.set(id, offset);
    next.torn.push(...this.torn);
    next.states = this.states;
    return next;
  }

  /** What is wrong with the file, by the promises; nothing is the empty list. */
  findings(): string[] {
    const lines = filesOf(this.file).flatMap(linesOf);
    const counts = new Map<string, number>();
    for (const { text } of lines) counts.set(text, (counts.get(text) ?? 0) + 1);
    const sent = [...this.fates.keys()].map(lineOf);
    const found: string[] = [];
    for (const [id, fate] of this.fates) {
      const copies = counts.get(lineOf(id)) ?? 0;
      if (copies > 1) found.push(`C5: ${id} stands in the file ${copies} times`);
      if (fate === 'acknowledged' && copies === 0) found.push(`C1: ${id} was acknowledged and is lost`);
      if (fate === 'refused' && copies > 0) found.push(`C6: ${id} was refused and is in the file`);
    }
    for (const [id, offset] of this.scenario.moves ? [] : this.offsets) {
      if (lines.find((line) => line.offset === offset)?.text !== lineOf(id)) {
        found.push(`C1: ${id} was acknowledged at ${offset} and is not there`);
      }
    }
    // A line that is none of ours must be the beginning of one, or what the scenario left torn.
    for (const { text, offset } of lines) {
      if (![...sent, ...this.torn].some((whole) => whole.startsWith(text))) {
        found.push(`C2: a line at ${offset} that nobody wrote: ${text.slice(0, 200)}`);
      }
    }
    const state = `${this.file}.state`;
    const content = existsSync(state) ? readFileSync(state, 'utf8') : '';
    if (!this.states.includes(content)) found.push(`writeFileAtomic left ${JSON.stringify(content)}`);
    return found;
  }

  /** The complete lines that hold events, in the file and the rotated ones: nobody may change one. */
  complete(): string[] {
    const sent = new Set([...this.fates.keys()].map(lineOf));
    const lines: RawLine[] = filesOf(this.file).flatMap(linesOf);
    return lines.filter(({ text, complete }) => complete && sent.has(text)).map(({ text }) => text);
  }

  #acknowledge(id: string, { offset }: AppendResult): void {
    this.fates.set(id, 'acknowledged');
    this.offsets.set(id, offset);
    this.onAcknowledged(id);
  }

  #succeeded = true;

  async #settle(
    call: () => Promise<unknown>,
    failed: (error: { outcomeUnknown?: boolean }) => void,
  ): Promise<void> {
    this.#succeeded = true;
    try {
      await call();
    } catch (error) {
      this.#succeeded = false;
      if (!(error instanceof RemoteError)) {
        failed({ outcomeUnknown: true });
        throw error; // the process has died
      }
      this.errors.push(error);
      failed(error);
    }
  }
}

export type Step = (run: Run) => Promise<void> | void;

export const open =
  (options?: ChronicleOptions): Step =>
  (run) =>
    run.open(options);

export const append =
  (...ids: string[]): Step =>
  (run) =>
    run.append(ids);

export const appendSync =
  (...ids: string[]): Step =>
  (run) =>
    run.append(ids, 'appendSync');

export const close: Step = (run) => run.close();

export const repair: Step = (run) => run.repair();

/** Takes and releases a lock. */
export const lock =
  (options: LockOptions): Step =>
  (run) =>
    run.lock(options);

export const writeAtomically =
  (content: string): Step =>
  (run) =>
    run.writeAtomically(content);

const newline = 0x0a;

/** Leaves a torn tail, as a writer that dies in the middle of its write. */
export const tear =
  (text: string): Step =>
  (run) => {
    if (!existsSync(run.file) || readFileSync(run.file).at(-1) !== newline) return;
    run.torn.push(text);
    appendFileSync(run.file, text);
  };

export interface Scenario {
  readonly steps: readonly Step[];
  /** How the chronicle is opened, where a step says nothing else. */
  readonly options: ChronicleOptions;
  /** The events that are sent. */
  readonly ids: readonly string[];
  /** Whether events are moved to other places, by rotation or repair. */
  readonly moves: boolean;
}

export const scenarios = {
  'append, dedupe, heal, lock, replace': {
    options: {},
    ids: ['a', 'b', 'c', 'd'],
    moves: false,
    steps: [
      writeAtomically('first'),
      open(),
      append('a'),
      append('b', 'a', 'c'),
      close,
      tear('{"eventId":"torn'),
      open({ dedupe: { window: 2 } }),
      append('d'),
      append('c'),
      close,
      lock({ kind: 'flock' }),
      lock({ kind: 'fcntl' }),
      lock({ kind: 'flock', mode: 'shared' }),
      writeAtomically('second'),
    ],
  },
  "rotate, repair, dedupe 'all', appendSync": {
    options: { dedupe: 'all', rotate: { maxBytes: 100 } },
    ids: ['a', 'b', 'c', 'd', 'e'],
    moves: true,
    steps: [
      open(),
      append('a', 'b'),
      append('a', 'c'),
      appendSync('d'),
      tear('{"eventId":"torn'),
      append('b', 'e'),
      close,
      tear('{"eventId":"torn again'),
      open(),
      repair,
      append('a'),
      close,
    ],
  },
} satisfies Record<string, Scenario>;
