/**
 * `writeFileAtomic`: as `fs.promises.writeFile`, but the file is replaced whole, durably, or not at all.
 */
import { mkdir } from 'node:fs/promises';
import { types } from 'node:util';
import { throwIfAborted } from '../base/abort.js';
import {
  checkBoolean,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSignal,
  describe,
  type FilePath,
  readFrom,
  toNativePath,
} from '../base/arguments.js';
import { type Durability, durabilities } from '../base/durability.js';
import { invalid, withIoErrors } from '../base/errors.js';
import { directoryOf } from '../base/paths.js';
import { type FileToFill, replaceFile } from './replace-file.js';

/** A string, which is written as UTF-8, or bytes. */
export type AtomicPiece = string | Uint8Array;

/** What is to be the whole content of the file: at once, or piece by piece, as a stream brings it. */
export type AtomicData = AtomicPiece | Iterable<AtomicPiece> | AsyncIterable<AtomicPiece>;

/**
 * Options of {@link writeFileAtomic}.
 *
 * @example
 *   await writeFileAtomic('secrets/token', token, { mode: 0o600, parents: true });
 */
export interface WriteFileAtomicOptions {
  /**
   * The permissions of a new file, which the umask narrows. One that is replaced keeps its own. Default:
   * 0o666.
   */
  mode?: number | undefined;
  /**
   * What the new content survives when the promise has resolved; see {@link Durability}. Default: `'data'`.
   */
  durability?: Durability | undefined;
  /** Make the directories above the file that are missing. Default: false. */
  parents?: boolean | undefined;
  /**
   * Leaves the old file as it is, and rejects with `signal.reason`; without effect once the new one is in
   * place. Default: none.
   */
  signal?: AbortSignal | undefined;
}

/**
 * The last unfinished call for each path. One map per thread: calls of two threads are as those of two
 * processes.
 */
const calls = new Map<string, Promise<void>>();

/** Small pieces are collected into a buffer of this many bytes before they are written. */
const bufferBytes = 256 * 1024;

const optionNames = ['mode', 'durability', 'parents', 'signal'];

/**
 * Writes a file atomically: through a temporary file in the same directory, a sync, a rename, and a sync of
 * the directory. Readers see the old content or the new one, and so does everybody after a crash or a power
 * loss at any moment. When it resolves, the new content is there to stay. When it rejects, the old file is as
 * it was, and the temporary file is gone; except with `outcomeUnknown`: then the new content is there, but
 * may not last.
 *
 * The file that is replaced passes its owner, its group, its permissions and its ACL on, as far as this user
 * may set them; what cannot be set leaves the new file with less, and nobody gains access. set-user-ID,
 * set-group-ID and sticky bits and other extended attributes are not passed on, and its other hard links keep
 * the old content. A symbolic link stays, and the file that it names is replaced; but root does not follow
 * the link of another user (`EACCES`). A file that this user may not write to is replaced all the same if its directory
 * allows that (rename(2)). Calls of one process for one path are made one after the other, so the last one
 * wins. A process that is killed may leave its temporary file, `.<name>.<random>.tmp`, behind; the next call
 * for the path removes it.
 *
 * @throws `EVALIDATION` for a bad argument; `EIO` if the file system fails a call, with the system's error as
 *   its `cause`; what iterating over `data` throws, as it is.
 * @example
 *   await writeFileAtomic('settings.json', JSON.stringify(settings));
 */
export async function writeFileAtomic(
  path: FilePath,
  data: AtomicData,
  options?: WriteFileAtomicOptions,
): Promise<void> {
  const nativePath = toNativePath(path, 'path');
  const { mode = 0o666, durability = 'data', parents = false, signal } = checkOptions(options, optionNames);
  const replacement = {
    mode: checkMode(mode),
    durability: checkOneOf(durability, durabilities, 'durability'),
    signal: checkSignal(signal, 'signal'),
  };
  checkBoolean(parents, 'parents');
  const pieces = readFrom('data', () => piecesOf(data));

  const key = nativePath.toString('latin1');
  const before = calls.get(key);
  const call = (async () => {
    await before?.catch(() => {});
    throwIfAborted(signal);
    if (parents) {
      await withIoErrors(mkdir(directoryOf(nativePath), { recursive: true }), nativePath);
    }
    await replaceFile(nativePath, replacement, (file) => writePieces(pieces, file));
  })();
  calls.set(key, call);
  try {
    await call;
  } finally {
    if (calls.get(key) === call) calls.delete(key);
  }
}

function checkMode(mode: unknown): number {
  if (checkInteger(mode, 'mode', 0) > 0o7777) throw invalid('mode', `expected at most 0o7777, got ${mode}`);
  return mode as number;
}

function isPiece(value: unknown): value is AtomicPiece {
  return typeof value === 'string' || types.isUint8Array(value);
}

function piecesOf(data: unknown): Iterable<unknown> | AsyncIterable<unknown> {
  // Copied, because the caller may change them before they are written.
  if (isPiece(data)) return [copyOf(data, 0)];
  if (Array.isArray(data)) return data.map((piece, index) => copyOf(piece, index));
  if (typeof data === 'object' && data !== null) {
    const iterable = data as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
    if (typeof iterable[Symbol.asyncIterator] === 'function') return data as AsyncIterable<unknown>;
    if (typeof iterable[Symbol.iterator] === 'function') return data as Iterable<unknown>;
  }
  throw invalid('data', `expected a string, bytes, or an iterable of those, got ${describe(data)}`);
}

function copyOf(piece: unknown, index: number): AtomicPiece {
  if (!isPiece(piece)) throw notAPiece(piece, index);
  return typeof piece === 'string' ? piece : Buffer.from(piece);
}

function notAPiece(value: unknown, index: number): Error {
  return invalid(`data[${index}]`, `expected a string or bytes, got ${describe(value)}`);
}

async function writePieces(
  pieces: Iterable<unknown> | AsyncIterable<unknown>,
  file: FileToFill,
): Promise<void> {
  // Copied, because whoever yields a piece may fill the same buffer with the next one.
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let filled = 0;
  let index = 0;
  for await (const piece of pieces) {
    if (!isPiece(piece)) throw notAPiece(piece, index);
    index++;
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    if (filled + bytes.byteLength > bufferBytes) {
      await file.write(buffer.subarray(0, filled));
      filled = 0;
    }
    if (bytes.byteLength > bufferBytes) {
      await file.write(bytes);
    } else {
      buffer.set(bytes, filled);
      filled += bytes.byteLength;
    }
  }
  await file.write(buffer.subarray(0, filled));
}
