/**
 * How far a write is carried before it is acknowledged.
 */
import { checkOneOf } from './arguments.js';

/**
 * What an acknowledged append survives. All of them survive the death of the process at any moment.
 * - `'data'`: a crash of the system and a power loss (fdatasync). On macOS fsync, which stops at the drive's
 *   cache.
 * - `'full'`: as `'data'`, through the drive's cache on macOS too (F_FULLFSYNC).
 * - `'none'`: neither; the system writes when it likes.
 */
export type Durability = 'data' | 'full' | 'none';

/**
 * How appends to a chronicle are made durable.
 * - A {@link Durability}: by a sync of the chronicle's file.
 * - `'journal'`: as safe as `'data'`, by a sync of a file beside it, `<path>.journal`, of 4 MiB, which is overwritten again
 *   and again. A file system that keeps a journal itself (ext4, XFS) syncs that faster than a file that grows. After a crash
 *   of the system, the chronicle's file may lack its last events until holdfast opens it again, for reading or writing,
 *   which puts them back; other programs may miss them until then. Where no such file can be had (a network file system,
 *   or one that does not know when a file was made), it is as `'data'`. A chronicle on a server has no files: `EVALIDATION`.
 */
export type ChronicleDurability = Durability | 'journal';

export const durabilities: readonly Durability[] = ['data', 'full', 'none'];

const chronicleDurabilities: readonly ChronicleDurability[] = [...durabilities, 'journal'];

/** How far a sync reaches, and whether it is one of the side journal. */
export function checkDurability(value: unknown): { durability: Durability; journal: boolean } {
  const durability = checkOneOf(value === undefined ? 'data' : value, chronicleDurabilities, 'durability');
  return durability === 'journal' ? { durability: 'data', journal: true } : { durability, journal: false };
}
