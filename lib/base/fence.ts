/**
 * The check of a fencing token, which tells who had a lock later.
 */
import { checkInteger, describe, propertyOf, readFrom } from './arguments.js';
import { invalid } from './errors.js';
import type { Fence } from './lock-holder.js';

/** Whether both are the same token of the same lock, or none. */
export function haveSameToken(one: Fence | undefined, other: Fence | undefined): boolean {
  return one?.path === other?.path && one?.fence === other?.fence;
}

/** A copy, because a lock that is made exclusive has another token then. */
export function checkFence(value: unknown, field: string): Fence {
  if (typeof value !== 'object' || value === null)
    throw invalid(field, `expected a lock with a fencing token, got ${describe(value)}`);
  const [path, fence] = readFrom(field, () => [propertyOf(value, 'path'), propertyOf(value, 'fence')]);
  if (typeof path !== 'string') throw invalid(`${field}.path`, `expected a string, got ${describe(path)}`);
  if (fence === undefined)
    throw invalid(
      `${field}.fence`,
      'expected a whole number from 1, got undefined: take the lock with { fence: true }',
    );
  return { path, fence: checkInteger(fence, `${field}.fence`, 1) };
}
