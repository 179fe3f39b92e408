/** A file in memory, for tests of what is read and not of how: a call costs no thread and no system call. */
import type { FileHandle } from 'node:fs/promises';

/** A handle that can `read` and `stat`, as a file that nobody has written to for a long time. */
export function memoryFile(bytes: Buffer): FileHandle {
  const handle: Pick<FileHandle, 'read' | 'stat'> = {
    read: (async (buffer: Buffer, offset: number, length: number, position: number) => {
      const bytesRead = bytes.copy(buffer, offset, Math.min(position, bytes.length), position + length);
      return { bytesRead, buffer };
    }) as FileHandle['read'],
    stat: (async () => ({ size: bytes.length, mtimeMs: 0 })) as unknown as FileHandle['stat'],
  };
  return handle as FileHandle;
}
