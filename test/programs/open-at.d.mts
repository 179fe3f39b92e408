import type { Chronicle, ChronicleOptions, FileLock, LockMode } from 'holdfast';
import type { PostgresLock } from 'holdfast/postgres';

export function openAt(
  address: string,
  options?: ChronicleOptions,
): Promise<{
  chronicle: Chronicle;
  lock(name: string, options?: { mode?: LockMode; timeout?: number }): Promise<FileLock | PostgresLock>;
  close(): Promise<void>;
}>;
