/**
 * The system calls of child processes, watched, held and failed by the test: see shim/system_calls.c. A held call is
 * how a test stops another process at an exact place without waiting for a time.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, onTestFinished } from 'vitest';
import { temporaryDirectory } from './files.js';

/** Why a test that needs this cannot run here, or undefined where it can. */
export const unwatchable =
  process.platform === 'linux' ? undefined : 'system calls are watched with LD_PRELOAD of Linux';

/** What becomes of a call. */
type Answer = 'go' | { readonly fail: keyof typeof constants.errno } | { readonly short: number };

/** A call that waits for its answer. */
export interface HeldCall {
  answer(answer: Answer): void;
}

interface Rule {
  readonly matches: (call: string) => boolean;
  readonly once: boolean;
  readonly decide: (call: string) => Answer | Promise<Answer>;
}

// beforeAll, not the first use: a compiler may take longer than a test expects of a system call.
let library: string;
if (unwatchable === undefined) {
  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-shim-'));
    library = join(directory, 'system_calls.so');
    const source = fileURLToPath(new URL('shim/system_calls.c', import.meta.url));
    await promisify(execFile)('cc', ['-O1', '-shared', '-fPIC', '-o', library, source]);
    return () => rmSync(directory, { recursive: true });
  });
}

export class SystemCalls {
  /**
   * The calls so far, in their order, as `<call> <path>` with the path relative to the directory. Calls: `open`,
   * `mkdir`, `stat`, `fstat`, `flock`, `unlock`, `fcntl`, `pread`, `write`, `writev`, `ftruncate`, `fsync`, `fdatasync`,
   * `fchmod`, `fchown`, `rename` (with the old path), `unlink`.
   */
  readonly made: string[] = [];
  readonly #directory: string;
  readonly #socket: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #rules: Rule[] = [];

  /** Watches the calls about `directory` and what is under it, in each program that is started with {@link env}. */
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
      LD_PRELOAD: library,
      HOLDFAST_SHIM_DIRECTORY: this.#directory,
      HOLDFAST_SHIM_SOCKET: this.#socket,
    };
  }

  /** The next call that is `call` (`<call> <path>`, or a part of that from its beginning) waits for its answer. */
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
  answerAll(decide: (call: string) => Answer): void {
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
    createInterface(connection).on('line', async (line) => {
      const space = line.indexOf(' ');
      const path = relative(this.#directory, line.slice(space + 1));
      const call = `${line.slice(0, space)} ${path === '' ? '.' : path}`;
      this.made.push(call);
      const index = this.#rules.findIndex((rule) => rule.matches(call));
      const rule = this.#rules[index];
      if (rule?.once) this.#rules.splice(index, 1);
      connection.end(`${format(rule ? await rule.decide(call) : 'go')}\n`);
    });
  }
}

function matches(made: string, call: string): boolean {
  return made === call || made.startsWith(`${call} `);
}

function format(answer: Answer): string {
  if (answer === 'go') return answer;
  return 'fail' in answer ? `fail ${constants.errno[answer.fail]}` : `short ${answer.short}`;
}
