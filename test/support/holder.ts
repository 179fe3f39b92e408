/** Another process that takes and releases locks (test/programs/locker.mjs). */
import type { LockOptions } from 'holdfast';
import { expect } from 'vitest';
import { Program } from './processes.js';

/** A process that is ready for commands, with these variables besides those of this process. */
export async function locker(env: NodeJS.ProcessEnv = {}): Promise<Program> {
  const program = new Program({ name: 'locker', env });
  await program.next();
  return program;
}

/** A process that holds the lock of the file. */
export async function holderOf(file: string, options?: LockOptions): Promise<Program> {
  const holder = await locker();
  expect(await holder.ask({ command: 'lock', file, options })).toEqual({ held: true });
  return holder;
}
