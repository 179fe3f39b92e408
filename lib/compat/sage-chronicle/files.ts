/**
 * The file of a chronicle: whether it is there, and its directory.
 */
import { access, mkdir } from 'node:fs/promises';
import { toNativePath } from '../../base/arguments.js';
import { ioError, isMissing, withIoErrors } from '../../base/errors.js';
import { directoryOf } from '../../base/paths.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';

/**
 * Makes the directory of a chronicle, and those above it that are missing. An append does so too, and makes
 * them durable.
 *
 * @throws `EIO`
 */
export async function ensureChronicleDirectory(path: ChroniclePath): Promise<void> {
  const nativePath = checkChroniclePath(path);
  await withIoErrors(mkdir(directoryOf(nativePath), { recursive: true }), nativePath);
}

/**
 * Whether a path names something, of whatever kind.
 *
 * @throws `EIO` if that cannot be known, because a directory may not be searched, for one
 */
export async function fileExists(path: string): Promise<boolean> {
  const nativePath = toNativePath(path, 'path');
  try {
    await access(nativePath);
    return true;
  } catch (error) {
    const isBelowFile = (error as NodeJS.ErrnoException).code === 'ENOTDIR';
    if (isBelowFile || isMissing(error)) return false;
    throw ioError(error, nativePath);
  }
}
