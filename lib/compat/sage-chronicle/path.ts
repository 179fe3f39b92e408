/**
 * The path of a chronicle of @sage/chronicle.
 */
import { describe, toNativePath } from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import type { NativePath } from '../../base/paths.js';

/** A path that ends in `.sage`, without `..`. */
export type ChroniclePath = string;

/** Returns the path. Throws `EVALIDATION` if it does not end in `.sage`, or contains `..`. */
export function validateChroniclePath(path: string): ChroniclePath {
  checkChroniclePath(path);
  return path;
}

/** Makes the path absolute, so that a later `process.chdir()` changes nothing. */
export function checkChroniclePath(path: unknown): NativePath {
  if (typeof path !== 'string') throw invalid('path', `expected a string, got ${describe(path)}`);
  // Callers match these two messages.
  if (!path.endsWith('.sage')) throw invalid('path', `Chronicle path must end with .sage: ${describe(path)}`);
  if (path.includes('..')) throw invalid('path', `Chronicle path cannot contain ..: ${describe(path)}`);
  return toNativePath(path, 'path');
}
