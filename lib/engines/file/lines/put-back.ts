/**
 * Opening the file of a chronicle for reading, after everything is put back that a crash of the system has taken from
 * it and its side journal still has: native/append/put_back.h. Only a crash makes that necessary, which ends this
 * process too. So each file is looked at once.
 */
import { withIoErrors } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { native } from '../../../native/addon.js';
import { callNative } from '../../../native/call.js';
import { type OpenFile, openForReading } from './open-file.js';

/** How long a reader waits for the lock, which nobody keeps for long, in milliseconds. */
const patience = 10_000;

const maxLooked = 10_000;

/** Files, by their paths and what tells them apart. One for each thread, as everything of TypeScript. */
const looked = new Set<string>();

/**
 * As {@link openForReading}. The caller closes it.
 *
 * @throws `EIO` also if there is something to put back that this user may not write: a reader would miss events that
 *   somebody was told are safe
 */
export async function openChronicleFile(path: NativePath): Promise<OpenFile> {
  const file = await openForReading(path);
  try {
    const { dev, ino, birthtimeNs } = await withIoErrors(file.stat({ bigint: true }), path);
    const key = `${dev}:${ino}:${birthtimeNs}:${path}`;
    if (!looked.has(key)) {
      await withIoErrors(
        callNative<void>(path, (done, fail) =>
          native.putBack(path, patience, (error) => (error ? fail(error) : done())),
        ),
        path,
      );
      if (looked.size >= maxLooked) looked.clear();
      looked.add(key);
    }
    return file;
  } catch (error) {
    await file.close().catch(() => {}); // the first error is the one to report
    throw error;
  }
}
