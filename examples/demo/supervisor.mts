/**
 * Starts the writers, kills some of them with SIGKILL and starts these again, and keeps what they say. It is
 * the memory of the demo: what has arrived here counts as acknowledged, whatever becomes of the writer.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Acknowledgement, Job, WriterMessage } from './writer.mjs';

/**
 * Hears of what the writers do. `count`: what the writer's process that runs, or has ended, told of so far.
 */
export interface Observer {
  acknowledged(writer: string, count: number): void;
  killed(writer: string, count: number): void;
  startedAgain(writer: string, count: number): void;
  finished(writer: string, count: number): void;
}

/**
 * Milliseconds between the acknowledgement that a writer is killed after and the kill: about as long as one
 * takes, so that the kill finds it waiting for the lock at one time, and writing or syncing at another.
 */
const longestDelay = 10;

/** What all writers said. */
export interface Account {
  sent: number;
  kills: number;
  readonly acknowledgements: Acknowledgement[];
}

export interface Plan {
  readonly job: Job;
  /** Kill the writer soon after it has told of so many acknowledgements; undefined: never. */
  readonly killAfter: number | undefined;
}

/**
 * Runs all writers to their end. @returns how long they took, from when all of them were ready, in seconds.
 */
export async function runWriters(
  plans: readonly Plan[],
  account: Account,
  observer: Observer,
  interrupted: AbortSignal,
): Promise<number> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, interrupted]);
  const writers = plans.map((plan) => new Writer(plan, account, observer, signal));
  try {
    await Promise.all(writers.map((writer) => writer.ready()));
    const begin = performance.now();
    await Promise.all(writers.map((writer) => writer.run()));
    return (performance.now() - begin) / 1000;
  } catch (error) {
    failed.abort();
    await Promise.all(writers.map((writer) => writer.ended()));
    throw error;
  }
}

/** A writer, and its process. */
class Writer {
  readonly #plan: Plan;
  readonly #account: Account;
  readonly #observer: Observer;
  readonly #signal: AbortSignal;
  #process: WriterProcess;

  constructor(plan: Plan, account: Account, observer: Observer, signal: AbortSignal) {
    this.#plan = plan;
    this.#account = account;
    this.#observer = observer;
    this.#signal = signal;
    this.#process = this.#start(plan.killAfter);
  }

  ready(): Promise<void> {
    return this.#process.ready;
  }

  async ended(): Promise<void> {
    await this.#process.ended.catch(() => {});
  }

  /**
   * Resolves when everything was sent and acknowledged, by the first process or by the one that follows it.
   */
  async run(): Promise<void> {
    const { writer } = this.#plan.job;
    this.#process.begin();
    if ((await this.#process.ended) === 'killed') {
      this.#account.kills++;
      const { acknowledged } = this.#process;
      this.#observer.killed(writer, acknowledged);
      this.#process = this.#start(undefined);
      this.#observer.startedAgain(writer, acknowledged);
      await this.#process.ready;
      this.#process.begin();
      await this.#process.ended;
    }
    this.#observer.finished(writer, this.#process.acknowledged);
  }

  #start(killAfter: number | undefined): WriterProcess {
    return new WriterProcess({ job: this.#plan.job, killAfter }, this.#account, this.#observer, this.#signal);
  }
}

/** One process. It begins on command; `killAfter` may end it before it has sent everything. */
class WriterProcess {
  readonly ready: Promise<void>;
  /** Resolves when the process is gone and all that it said has been heard; rejects where it fails. */
  readonly ended: Promise<'finished' | 'killed'>;
  acknowledged = 0;
  readonly #child: ChildProcess;

  constructor({ job, killAfter }: Plan, account: Account, observer: Observer, signal: AbortSignal) {
    const program = fileURLToPath(new URL('./writer.mjs', import.meta.url));
    const child = fork(program, { signal, killSignal: 'SIGKILL' });
    this.#child = child;
    let killing = false;
    let finished = false;

    const ready = new Promise<void>((resolve) => {
      child.on('message', (message: WriterMessage) => {
        switch (message.kind) {
          case 'ready':
            resolve();
            break;
          case 'progress':
            account.sent += message.sent;
            account.acknowledgements.push(...message.acknowledgements);
            this.acknowledged += message.acknowledgements.length;
            observer.acknowledged(job.writer, this.acknowledged);
            if (killAfter !== undefined && this.acknowledged >= killAfter && !killing) {
              killing = true;
              setTimeout(() => child.kill('SIGKILL'), randomInt(longestDelay + 1));
            }
            break;
          case 'finished':
            finished = true;
            // A process that is to be killed must not come ahead of its death.
            if (!killing) child.disconnect();
            break;
        }
      });
    });
    const disconnected = new Promise<void>((resolve) => child.once('disconnect', resolve));
    const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once('exit', (code, exitSignal) => resolve(code ?? (exitSignal as NodeJS.Signals)));
      // Errors of a process that was started (aborted, gone before a message reached it) end in its exit.
      child.on('error', (error) => child.pid === undefined && reject(error));
    });
    this.ended = exited.then(async (end) => {
      // What is still in the pipe when the process has died arrives behind 'exit', but before 'disconnect'.
      await disconnected;
      if (killing && end === 'SIGKILL') return 'killed';
      if (finished && end === 0) return 'finished';
      throw new Error(`${job.writer} ended with ${end} before it had sent everything`);
    });
    this.ready = Promise.race([ready, this.ended.then(() => {})]);
    child.send(job);
  }

  begin(): void {
    this.#child.send({});
  }
}
