/**
 * `holdfast/pino`: a destination for pino, in the main thread or as a transport in a worker thread. Several processes
 * may write to one file.
 */
import type { Writable } from 'node:stream';
import {
  checkBoolean,
  checkNames,
  describe,
  type FilePath,
  ownCopy,
  toNativePath,
} from '../base/arguments.js';
import type { Durability } from '../base/durability.js';
import { invalid } from '../base/errors.js';
import { checkChronicleOptions, type Rotate } from '../chronicle/options.js';
import { LogStream } from './log-stream.js';

const optionNames = ['path', 'durability', 'rotate', 'lockTimeout', 'sync', 'signals'];

/** What pino and thread-stream put beside the options of a transport. */
const pinosNames = ['$context', 'pinoWillSendConfig', 'levels'];

/**
 * Opens a log file for pino to write to: `pino(logTo({ path }))`, or by name as the `target` of a transport.
 */
function logTo(options: logTo.Options): logTo.Log {
  if (typeof options !== 'object' || options === null) {
    throw invalid('options', `expected an object with a path, got ${describe(options)}`);
  }
  const own = ownCopy(options, 'options') as Partial<logTo.Options> & { [name: string]: unknown };
  for (const name of pinosNames) delete own[name];
  // pino's own, which concerns its targets.
  if (typeof own.dedupe === 'boolean') delete own.dedupe;
  checkNames(own, optionNames);
  const { path, durability, rotate, lockTimeout, sync = false, signals = true } = own;
  const settings = checkChronicleOptions({
    durability,
    rotate,
    lockTimeout,
    computeId: false,
    dedupe: false,
  });
  return new LogStream(toNativePath(path as FilePath, 'path'), settings, {
    sync: checkBoolean(sync, 'sync'),
    signals: checkBoolean(signals, 'signals'),
  });
}

/** The types of `holdfast/pino`. */
declare namespace logTo {
  /**
   * Where and how a log is kept. Whoever writes to one file should give the same options.
   *
   * @example
   *   const logger = pino({
   *     transport: { target: 'holdfast/pino', options: { path: 'app.log', rotate: { maxBytes: 100e6, keep: 10 } } },
   *   });
   */
  export interface Options {
    /** The file. It and the directories above it are made if they are missing. */
    path: FilePath;
    /** What a line that is written survives. Default: `'data'`. */
    durability?: Durability | undefined;
    /** When a new file is begun. Default: never. */
    rotate?: Rotate | undefined;
    /** How long a write waits for the file's lock before it is tried again, in milliseconds. Default: 2000. */
    lockTimeout?: number | undefined;
    /**
     * Every line is in the file, as durable as `durability` says, when the logger returns: it survives SIGKILL too. Blocks
     * the thread for each line. Default: false.
     */
    sync?: boolean | undefined;
    /**
     * In the main thread, SIGTERM, SIGINT and SIGHUP write what is in memory before they end the process, unless
     * somebody else listens to them. Default: true.
     */
    signals?: boolean | undefined;
  }

  /**
   * A stream that appends whole lines. A failure while the file is opened destroys it, and is thrown in a worker thread,
   * which waits for it; a later one, such as a full disk, is warned of and tried again.
   *
   * @example
   *   const log = logTo({ path: 'app.log' });
   *   const logger = pino(log);
   *   log.flush((error) => console.log(error ?? 'written'));
   */
  export interface Log extends Writable {
    /** Calls back when everything that was written before is in the file, as durable as `durability` says. */
    flush(callback?: (error?: Error | null) => void): void;
    /** As `flush`, and blocks the thread. Throws what keeps it from being written, which is tried again later. */
    flushSync(): void;
  }
}

export = logTo;
