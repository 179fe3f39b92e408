/**
 * Whether the path still names the file that is locked: a lock on another file excludes nobody who comes later. The
 * kernel tells of some changes of a directory at once; for the rest (a network, a link in the path, a directory above)
 * there is a look at intervals.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { lostLock } from '../base/errors.js';
import type { NativePath } from '../base/paths.js';
import { native } from '../native/addon.js';
import type { FileIdentity } from '../native/protocol.js';
import { namedFileId } from './named-file.js';

/** Between two looks, in milliseconds. */
const interval = 1000;

/** Looks until it is stopped, or has found the lock lost. Keeps nothing alive. */
export class LossWatch {
  readonly #path: NativePath;
  readonly #locked: () => FileIdentity | undefined;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #watcher: FSWatcher | undefined;
  #looking = false;
  /** Something happened while it looked. */
  #again = false;
  #stopped = false;

  /** `locked` says which file is locked now, if any is. */
  constructor(path: NativePath, locked: () => FileIdentity | undefined) {
    this.#path = path;
    this.#locked = locked;
    this.#timer = setInterval(() => this.#look(), interval).unref();
    this.#watcher = typeof path === 'string' ? this.#watch(path) : undefined;
    this.#look();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#watcher?.close();
  }

  #watch(path: string): FSWatcher | undefined {
    try {
      const name = basename(path);
      const watcher = watch(dirname(path), { persistent: false }, (_, changed) => {
        if (changed === null || changed === name) this.#look();
      });
      // The directory is gone, or there are too many watches: the timer is enough.
      return watcher.on('error', () => watcher.close());
    } catch {
      return undefined;
    }
  }

  async #look(): Promise<void> {
    this.#again = this.#looking;
    if (this.#looking) return;
    this.#looking = true;
    const before = this.#locked();
    // If that cannot be known now, then at another time.
    const options = { asksServer: !native.isKnownLocal(this.#path) };
    const named = before && (await namedFileId(this.#path, options).catch(() => idOf(before)));
    this.#looking = false;
    const after = this.#locked();
    if (this.#stopped) return;
    if (before && after && idOf(before) === idOf(after) && named !== idOf(after)) {
      this.stop();
      this.#controller.abort(lostLock(this.#path.toString()));
    } else if (this.#again) {
      this.#look();
    }
  }
}

/** As fileId() has it. */
function idOf({ device, inode }: FileIdentity): string {
  return `${device}:${inode}`;
}
