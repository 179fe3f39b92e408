/**
 * The system calls of child processes, watched, held and failed by the test: see test/native/probe.cc. A held
 * call is how a test stops another process at an exact place without waiting for a time.
 */
import { realpathSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './files.js';
import { withAddon } from './other-addon.js';

/** Why a test that needs this cannot run here, or undefined where it can. */
export const unwatchable =
  process.platform === 'linux' ? undefined : 'the test build needs LD_PRELOAD and /proc of Linux';

/** The test build of the addon; test/support/build-probe.ts builds it before the tests. */
export const testBuild = fileURLToPath(new URL('../native/build/Release/holdfast.node', import.meta.url));

/** A call that a process is about to make. */
export interface Call {
  readonly process: number;
  /** As in native/os/system_calls.h, or as node:fs makes it; a `flock` or `fcntl` that releases is an `unlock`. */
  readonly name: string;
  /** The flags, length or size. */
  readonly argument: number;
  /** Relative to the directory that is watched, `.` for itself. */
  readonly path: string;
  /** Of a `rename`: the new path, likewise. */
  readonly to: string | undefined;
}

/** What a call came to; `errno` is 0 where it did not fail. */
export interface Result {
  readonly result: number;
  readonly errno: number;
}

export type ErrorName = keyof typeof constants.errno;

/**
 * What becomes of a call. `skip`: it is not made and answers success; `last`: it is made, and the last byte
 * that it read is replaced; `tell`: it is made, and its thread goes on when `tell` has been called with the
 * result.
 */
export type Answer =
  | 'go'
  | 'skip'
  | { readonly fail: ErrorName }
  | { readonly short: number }
  | { readonly last: number }
  | { readonly tell: (result: Result) => void };

/** A call that waits for its answer. */
export interface HeldCall {
  answer(answer: Answer): void;
}

type Decide = (call: Call) => Answer | Promise<Answer>;

interface Rule {
  readonly matches: (call: string) => boolean;
  readonly once: boolean;
  readonly decide: Decide;
}

export class SystemCalls {
  /** The calls so far, in their order, as `<call> <path>`. */
  readonly made: string[] = [];
  readonly #directory: string;
  readonly #socket: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #rules: Rule[] = [];

  /**
   * Watches the calls about `directory` and what is under it, in each program that is started with {@link
   * env}.
   */
  static async under(directory: string): Promise<SystemCalls> {
    const calls = new SystemCalls(directory);
    await new Promise<void>((resolve) => calls.#server.listen(calls.#socket, resolve));
    return calls;
  }

  private constructor(directory: string) {
    this.#directory = realpathSync(directory);
    this.#socket = join(temporaryDirectory(), 'socket');
    this.#server = createServer((connection) => this.#serve(connection));
    onTestFinished(() => {
      this.#server.close();
      for (const connection of this.#connections) connection.destroy();
    });
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...withAddon(testBuild),
      LD_PRELOAD: testBuild, // so that it watches node:fs as well
      HOLDFAST_PROBE_DIRECTORY: this.#directory,
      HOLDFAST_PROBE_SOCKET: this.#socket,
    };
  }

  /**
   * The next call that is `call` (`<call> <path>`, or a part of that from its beginning) waits for its
   * answer.
   */
  hold(call: string): Promise<HeldCall> {
    return new Promise((reached) => {
      const decide = () => new Promise<Answer>((answer) => reached({ answer }));
      this.#rules.push({ matches: (made) => matches(made, call), once: true, decide });
    });
  }

  /** The next call that is `call` gets this answer; with `always`, each of them. */
  answer(call: string, answer: Answer, always = false): void {
    this.#rules.push({ matches: (made) => matches(made, call), once: !always, decide: () => answer });
  }

  /** `decide` answers every call. */
  answerAll(decide: Decide): void {
    this.#rules = [{ matches: () => true, once: false, decide }];
  }

  /** From now on, every call is made as it comes. */
  letGo(): void {
    this.#rules = [];
  }

  #serve(connection: Socket): void {
    this.#connections.add(connection);
    // A killed process leaves its connections without a word.
    connection.on('error', () => {});
    connection.on('close', () => this.#connections.delete(connection));
    let tell: ((result: Result) => void) | undefined;
    const lines = createInterface(connection);
    lines.on('error', () => {}); // it repeats those of the connection
    lines.on('line', async (line) => {
      if (tell) {
        const [result = 0, errno = 0] = line.split(' ').map(Number);
        tell({ result, errno });
        tell = undefined;
        connection.write('go on\n');
        return;
      }
      const call = this.#parse(line);
      const text = `${call.name} ${call.path}`;
      this.made.push(text);
      const index = this.#rules.findIndex((rule) => rule.matches(text));
      const rule = this.#rules[index];
      if (rule?.once) this.#rules.splice(index, 1);
      const answer = rule ? await rule.decide(call) : 'go';
      if (typeof answer === 'object' && 'tell' in answer) tell = answer.tell;
      connection.write(`${format(answer)}\n`);
    });
  }

  #parse(line: string): Call {
    const [, process, name = '', argument, ...paths] =
      /^(\d+) (\w+) (-?\d+) ([^\t]*)(?:\t(.*))?$/.exec(line) ?? [];
    const [path = '', to] = paths.map((absolute) => absolute && (relative(this.#directory, absolute) || '.'));
    return { process: Number(process), name, argument: Number(argument), path, to };
  }
}

function matches(made: string, call: string): boolean {
  return made === call || made.startsWith(`${call} `);
}

function format(answer: Answer): string {
  if (typeof answer === 'string') return answer;
  if ('fail' in answer) return `fail ${constants.errno[answer.fail]}`;
  if ('short' in answer) return `short ${answer.short}`;
  return 'last' in answer ? `last ${answer.last}` : 'tell';
}
