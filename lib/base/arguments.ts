/**
 * Checks of arguments that several functions share. Each throws `EVALIDATION` with the name of the field.
 */
import { Buffer } from 'node:buffer';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { invalid, unreadable } from './errors.js';
import { nearest } from './nearest.js';
import type { NativePath } from './paths.js';

/** A path as node:fs takes it: a string, the bytes of a path, or a `file:` URL. */
export type FilePath = string | Buffer | URL;

/** In milliseconds: the longest timeout that a number holds exactly. */
const maxTimeout = Number.MAX_SAFE_INTEGER;

/** What `read` finds in the caller's argument `field`, whose getters may throw. */
export function readFrom<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadable(field, error);
  }
}

/** An array of the caller's, copied. */
export function checkArray<T>(value: readonly T[], field: string): readonly T[] {
  if (!isArray(value)) throw invalid(field, `expected an array, got ${describe(value)}`);
  return readFrom(field, () => [...value]);
}

/** Makes a path absolute, so that a later `process.chdir()` changes nothing. */
export function toNativePath(path: FilePath, field: string): NativePath {
  if (typeof path === 'string') {
    if (path === '') throw invalid(field, 'is empty');
    if (path.includes('\0')) throw invalid(field, 'holds a NUL byte');
    // An absolute path is not normalized: in `link/../x`, that could name another file.
    return path.startsWith('/') && sep === '/' ? path : resolve(path);
  }
  if (types.isUint8Array(path)) {
    const bytes = readFrom(field, () => Buffer.from(path)); // a copy, which the caller does not change later
    if (bytes.length === 0) throw invalid(field, 'is empty');
    if (bytes.includes(0)) throw invalid(field, 'holds a NUL byte');
    // To Windows a path is text, and node:fs takes the bytes for UTF-8.
    if (sep === '\\') return toNativePath(bytes.toString(), field);
    return bytes[0] === sep.charCodeAt(0) ? bytes : Buffer.concat([Buffer.from(process.cwd() + sep), bytes]);
  }
  const url = readFrom(field, () => urlIn(path));
  if (url !== undefined) {
    let named: string;
    try {
      named = fileURLToPath(url);
    } catch (error) {
      throw invalid(field, `'${url}' is no file URL of this machine`, error);
    }
    return toNativePath(named, field);
  }
  throw invalid(field, `expected a string, a Buffer or a file URL, got ${describe(path)}`);
}

/**
 * The text of a URL, as node:fs tells one: `instanceof` knows only those of this realm, and a test runner or `vm` may
 * have another.
 */
function urlIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const own = (name: string) => propertyOf(value, name);
  const href = own('href');
  const isUrl = Boolean(href && own('protocol')) && own('auth') === undefined && own('path') === undefined;
  return isUrl && typeof href === 'string' ? href : undefined;
}

/** Milliseconds: a number from 0 on. `Infinity` waits for ever. */
export function checkTimeout(value: unknown, field: string): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw invalid(field, `expected milliseconds, got ${describe(value)}`);
  }
  if (value < 0) throw invalid(field, `must not be negative, got ${value}`);
  return value > maxTimeout ? Number.POSITIVE_INFINITY : value;
}

export function checkInteger(
  value: unknown,
  field: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `${min} on` : `${min} to ${max}`;
    throw invalid(field, `expected a whole number from ${range}, got ${describe(value)}`);
  }
  return value as number;
}

export function checkBoolean(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean') throw invalid(field, `expected true or false, got ${describe(value)}`);
  return value;
}

export function checkOneOf<Choice extends string>(
  value: unknown,
  choices: readonly Choice[],
  field: string,
): Choice {
  if (!choices.includes(value as Choice)) {
    throw invalid(
      field,
      `expected ${choices.map((choice) => `'${choice}'`).join(' or ')}, got ${describe(value)}`,
    );
  }
  return value as Choice;
}

export function checkSignal(value: unknown, field: string): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!isSignal(value, field)) throw invalid(field, `expected an AbortSignal, got ${describe(value)}`);
  return value;
}

/** Not by `instanceof`: it may be one of another realm. */
function isSignal(value: unknown, field: string): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  return readFrom(field, () => {
    const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
    const isCallable = [addEventListener, removeEventListener].every((each) => typeof each === 'function');
    return typeof aborted === 'boolean' && isCallable;
  });
}

/**
 * A copy of `options`, empty if they are undefined. Each property is read once, so that what a getter says later, or
 * what the caller changes, alters nothing; and only own ones, since `Object.prototype` may be polluted: the copy has no
 * prototype. A name that is none of `names` is refused: it is mistyped, or meant for another function. Without `names`,
 * everything is taken.
 */
export function checkOptions<Options extends object>(
  options: Options | undefined,
  names?: readonly string[],
  field = 'options',
): Partial<Options> {
  if (options === undefined) return noOptions;
  if (typeof options !== 'object' || options === null) {
    throw invalid(field, `expected an object, got ${describe(options)}`);
  }
  const own = ownCopy(options, field);
  if (names) checkNames(own, names);
  return own;
}

const noOptions: object = Object.freeze({ __proto__: null });

/** See {@link checkOptions}. What a getter or a proxy throws is the cause of an `EVALIDATION`. */
export function ownCopy<Given extends object>(given: Given, field: string): Partial<Given> {
  try {
    return { __proto__: null, ...given };
  } catch (error) {
    throw unreadable(field, error);
  }
}

/**
 * The same of options that are checked later, when what the call returned is used; with `where`, which holds more. Only
 * then is it told that they cannot be read.
 */
export function copyForLater<Options extends { where?: object | undefined }>(
  options: Options | undefined,
): () => Options | undefined {
  if (typeof options !== 'object' || options === null) return () => options;
  try {
    const own = ownCopy(options, 'options');
    if (typeof own.where === 'object' && own.where !== null && !isArray(own.where))
      own.where = ownCopy(own.where, 'where');
    return () => own as Options;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** A property of an object or of its class. What stands in `Object.prototype`, which alone has no prototype, is nobody's. */
export function propertyOf(object: object, name: string): unknown {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) {
      const isNobodys = at !== object && Object.getPrototypeOf(at) === null;
      return isNobodys ? undefined : (object as { [name: string]: unknown })[name];
    }
  }
  return undefined;
}

/** Refuses a property that is none of `names`. `prefix` is for the message: `rotate.` */
export function checkNames(given: object, names: readonly string[], prefix = ''): void {
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const meant = nearest(name, names);
    const advice =
      meant === undefined ? `there are ${names.join(', ')}` : `did you mean '${prefix}${meant}'?`;
    throw invalid(`${prefix}${name}`, `no such option; ${advice}`);
  }
}

/** A value in a few words, for messages. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value);
  if (isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Of a proxy that was revoked, it is false. */
export function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
