/**
 * Paths as bytes: on POSIX a name need not be UTF-8.
 */
import { sep } from 'node:path';
import type { NativePath } from './native.js';

/** The directory of an absolute path, with its separator. */
export function directoryOf(path: NativePath): Buffer {
  const bytes = Buffer.from(path);
  return bytes.subarray(0, bytes.lastIndexOf(sep) + 1);
}

/** The last part of an absolute path. */
export function baseOf(path: NativePath): Buffer {
  const bytes = Buffer.from(path);
  return bytes.subarray(bytes.lastIndexOf(sep) + 1);
}

/** A path beside another one: its name with something behind it. */
export function withSuffix(path: NativePath, suffix: string): NativePath {
  return typeof path === 'string' ? path + suffix : Buffer.concat([path, Buffer.from(suffix)]);
}
