/**
 * The other process of the checks. Commands come as JSON lines `[command, ...parameters]`; each is answered
 * with a JSON line `{ result }` or `{ error }`.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  appendEventWithId,
  type FileLock,
  type LockOptions,
  lock,
  openChronicle,
  type ReleaseOptions,
  type TryLockOptions,
  tryLock,
} from '../../index.js';

const locks = new Map<string, FileLock>();

const commands = {
  async lock(file: string, options?: LockOptions): Promise<void> {
    locks.set(file, await lock(file, options));
  },

  /** Whether it holds the lock now. */
  async tryLock(file: string, options?: TryLockOptions): Promise<boolean> {
    const held = await tryLock(file, options);
    if (held) locks.set(file, held);
    return held !== null;
  },

  async release(file: string, options?: ReleaseOptions): Promise<void> {
    await locks.get(file)?.release(options);
  },

  /** A child that outlives this process, and would keep what it inherits. */
  async startChild([command, ...parameters]: readonly [string, ...string[]]): Promise<void> {
    const program = join(__dirname, 'sleep-program.js');
    spawn(command, [...parameters, program], { stdio: 'ignore', detached: true }).unref();
  },

  /** Whether it is a duplicate. */
  async append(file: string, event: object): Promise<boolean> {
    return (await appendEventWithId(file, event)).duplicate;
  },

  /**
   * Appends `{ name, number, text }`, of which `text` has so many bytes; returns how many were acknowledged.
   */
  async appendMany(file: string, name: string, count: number, bytes: number): Promise<number> {
    const chronicle = await openChronicle(file, { lockTimeout: 60_000 });
    const text = 'x'.repeat(bytes);
    const events = Array.from({ length: count }, (_, number) => ({ name, number, text }));
    let acknowledged = 0;
    for (let at = 0; at < count; at += 10) {
      const results = await Promise.all(events.slice(at, at + 10).map((event) => chronicle.append(event)));
      acknowledged += results.length;
    }
    await chronicle.close();
    return acknowledged;
  },
};

export type Commands = typeof commands;

async function serve(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...parameters] = JSON.parse(line) as [keyof Commands, ...unknown[]];
    const run = commands[command] as (...parameters: unknown[]) => Promise<unknown>;
    const answer = await run(...parameters).then(
      (result) => ({ result }),
      ({ code, message }: NodeJS.ErrnoException) => ({ error: { code, message } }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit();
}

void serve();
