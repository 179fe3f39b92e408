/**
 * What a check works with: a directory of its own, and other processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Commands } from './peer-program.js';

/** The command that runs a program here, which comes after its arguments. */
export type Runtime = readonly [command: string, ...parameters: string[]];

/** Rejects, or throws, if a promise is broken. */
export type Check = (bench: Bench) => Promise<void>;

export class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'holdfast-selftest-'));
  readonly #peers: Peer[] = [];
  #files = 0;

  constructor(readonly runtime: Runtime) {}

  /** The path of a file that is not there yet. */
  newFile(): string {
    return join(this.directory, `file-${++this.#files}`);
  }

  startPeer(): Peer {
    const peer = new Peer(this.runtime);
    this.#peers.push(peer);
    return peer;
  }

  /** Ends the other processes, and removes the directory. */
  async clear(): Promise<void> {
    for (const peer of this.#peers) await peer.kill();
    // Windows removes a file some time after its last process has closed it. What is left in the directory for
    // temporary files in the end breaks no promise.
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10 }).catch(() => {});
  }
}

/** Another process, which runs peer-program.ts. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<void>;

  constructor([command, ...parameters]: Runtime) {
    const program = join(__dirname, 'peer-program.js');
    const child = spawn(command, [...parameters, program], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    // To write to a process that was killed fails; that it answers no more tells the same.
    child.stdin.on('error', () => {});
  }

  /** Lets it run one of its commands, and returns the result. */
  async ask<Name extends keyof Commands>(
    command: Name,
    ...parameters: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    this.#child.stdin?.write(`${JSON.stringify([command, ...parameters])}\n`);
    const line = await this.#answers.next();
    if (line.done) throw new Error('the other process has ended');
    const { error, result } = JSON.parse(line.value);
    if (error) throw Object.assign(new Error(error.message), error);
    return result;
  }

  /** SIGKILL; returns when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
