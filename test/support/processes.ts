/**
 * Real processes for tests. A test waits for what they say, never for a time.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** How to start a program where its name alone is not enough. */
export interface Launch {
  readonly name: string;
  /** Variables besides those of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Shell commands that the process runs before it becomes the program, such as `ulimit`. */
  readonly prelude?: string;
}

/** A process that runs one of the scripts in test/programs. Both sides talk in IPC messages. */
export class Program {
  readonly #child: ChildProcess;
  readonly #messages: unknown[] = [];
  #arrived: () => void = () => {};
  readonly exited: Promise<number | NodeJS.Signals>;

  /** Starts test/programs/`program`.mjs; it is killed when the test ends. */
  constructor(program: string | Launch, ...args: string[]) {
    const { name, env, prelude }: Launch = typeof program === 'string' ? { name: program } : program;
    const script = fileURLToPath(new URL(`../programs/${name}.mjs`, import.meta.url));
    this.#child = fork(script, args, {
      env: { ...process.env, ...env },
      execArgv: [], // not those of the test runner
      ...(prelude && { execPath: 'bash', execArgv: ['-c', `${prelude}; exec "$0" "$@"`, process.execPath] }),
    });
    this.#child.on('message', (message) => {
      this.#messages.push(message);
      this.#arrived();
    });
    // Not 'exit': what it said before may still come after that.
    this.exited = once(this.#child, 'close').then(([code, signal]) => code ?? signal);
    onTestFinished(() => {
      this.#child.kill('SIGKILL');
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The next message that it sends; rejects when it exits instead. */
  async next<T>(): Promise<T> {
    while (this.#messages.length === 0) {
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      const ended = this.exited.then((code) => {
        if (this.#messages.length === 0) throw new Error(`ended with ${code} instead of answering`);
      });
      await Promise.race([arrived, ended]);
    }
    return this.#messages.shift() as T;
  }

  send(message: object): void {
    // Where it has died, that is told to those who wait for its answer.
    this.#child.send(message, () => {});
  }

  /** Sends a command and waits for its answer. */
  ask<T>(message: object): Promise<T> {
    this.send(message);
    return this.next<T>();
  }

  /** Sends commands at once; their answers, in whatever order they come. */
  async askAll<T>(messages: readonly object[]): Promise<T[]> {
    for (const message of messages) this.send(message);
    const answers: T[] = [];
    while (answers.length < messages.length) answers.push(await this.next<T>());
    return answers;
  }

  /** All messages that have come and were not taken yet. */
  taken(): unknown[] {
    return this.#messages.splice(0);
  }

  /** Lets it end by itself, if this was all that it waited for. */
  disconnect(): void {
    this.#child.disconnect();
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}
