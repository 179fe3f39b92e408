/**
 * Checks of what a lock is asked for.
 */
import { types } from 'node:util';
import { describe, propertyOf, readFrom } from '../base/arguments.js';
import { invalid } from '../base/errors.js';

export const maxOffset = 2n ** 63n - 1n;

/** Undefined: it is no descriptor, but perhaps a path. */
export function toDescriptor(file: unknown): number | undefined {
  if (typeof file === 'number') return checkDescriptor(file, 'a path or an open descriptor');
  if (typeof file !== 'object' || file === null || types.isUint8Array(file)) return undefined;
  const descriptor = readFrom('file', () => propertyOf(file, 'fd'));
  if (descriptor === undefined) return undefined;
  if (descriptor === -1) throw invalid('file', 'the FileHandle is closed');
  return checkDescriptor(descriptor, 'a path or a FileHandle, with the number of a descriptor as its fd');
}

function checkDescriptor(value: unknown, expected: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31)
    return value as number;
  throw invalid('file', `expected ${expected}, got ${describe(value)}`);
}

export function checkPermissions(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0o777) return value as number;
  throw invalid('permissions', `expected a whole number from 0 to 0o777, got ${describe(value)}`);
}

export function checkOffset(value: unknown, field: string): number | bigint {
  if (value === undefined) return 0;
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!whole || (value as number | bigint) < 0 || (value as number | bigint) > maxOffset) {
    const shown = typeof value === 'bigint' ? `${value}n` : describe(value);
    throw invalid(field, `expected a whole number of bytes from 0 to 2^63 - 1, got ${shown}`);
  }
  return value as number | bigint;
}
