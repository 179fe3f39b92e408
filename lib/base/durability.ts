/**
 * How far a write is carried before it is acknowledged.
 */

/**
 * What an acknowledged append survives. All of them survive the death of the process at any moment.
 * - `'data'`: a crash of the system and a power loss (fdatasync). On macOS fsync, which stops at the drive's
 *   cache.
 * - `'full'`: as `'data'`, through the drive's cache on macOS too (F_FULLFSYNC).
 * - `'none'`: neither; the system writes when it likes.
 */
export type Durability = 'data' | 'full' | 'none';

export const durabilities: readonly Durability[] = ['data', 'full', 'none'];
