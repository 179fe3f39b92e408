/**
 * A copy of a chronicle beside it.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { copyRights, syncDirectory, syncFile } from '../../atomic/sync.js';
import { withIoErrors } from '../../base/errors.js';
import { type NativePath, withSuffix } from '../../base/paths.js';
import { type OpenFile, openForReading } from '../../engines/file/lines/open-file.js';
import { copyRange } from './copy-range.js';

/**
 * Copies the file as it is now, durably and with its rights, and resolves to the path of the copy.
 *
 * @throws `EIO`; there is no copy then
 */
export async function backUp(path: NativePath): Promise<string> {
  const source = await openForReading(path);
  try {
    const backupPath = withSuffix(path, `.backup.${Date.now()}`);
    // Exclusive, and so never through a link that somebody may have put there.
    const backup = await withIoErrors(open(backupPath, 'wx', 0o600), backupPath);
    try {
      await withIoErrors(fill(backup, backupPath, source), backupPath);
    } catch (error) {
      await unlink(backupPath).catch(() => {}); // the first error is the one to report
      throw error;
    } finally {
      await backup.close();
    }
    return backupPath.toString();
  } finally {
    await source.close();
  }
}

async function fill(backup: FileHandle, path: NativePath, source: OpenFile): Promise<void> {
  await copyRights(source, backup, path);
  const { size } = await source.stat();
  await copyRange(source, 0, size, (bytes) => backup.writeFile(bytes));
  await syncFile(backup, 'data', path);
  await syncDirectory(path, 'own');
}
