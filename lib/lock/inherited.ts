/**
 * A lock for others to inherit: a descriptor that has it. To the kernel, a lock belongs to the open file
 * description, and lasts until the last copy of its descriptor is closed, in whichever process. Not on
 * Windows, where a lock belongs to its process.
 */
import { checkOptions } from '../base/arguments.js';
import type { LockMode } from '../base/lock-holder.js';
import { acquire, checkWait, type WaitOptions } from './acquire.js';
import { type Lockable, Target, type TargetOptions } from './target.js';

interface InheritedLockOptions extends WaitOptions, TargetOptions {
  readonly mode: LockMode;
}

/**
 * Takes the lock as `lock()` does, and resolves to a descriptor that has it, for the caller to pass on and to
 * close. (With the caller's own descriptor as `file`, it is a second one.) Rejects as `lock()` does.
 */
export async function lockToPassOn(file: Lockable, options: InheritedLockOptions): Promise<number> {
  const { mode, ...given } = options;
  const own = checkOptions(given);
  const target = new Target(file, own);
  return target.giveAway(await acquire(target, mode, checkWait(own)));
}
