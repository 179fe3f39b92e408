/**
 * Diagnostics channels (node:diagnostics_channel) of the chronicles. They cost nothing while nobody
 * subscribes.
 *
 * - `holdfast:chronicle:commit`: events were written with one lock and one sync. A {@link Commit}
 * - `holdfast:chronicle:rotate`: the file was rotated before a commit. `{ path }`
 * - `holdfast:chronicle:poison`: the outcome of a write is unknown, and this handle appends no more. `{ path,
 *   error }`
 * - `holdfast:chronicle:housekeeping`: a rotation or a removal that is due could not be made, or a file is called
 *   like a rotated one that need not be ours. A {@link HousekeepingProblem}
 * - `holdfast:chronicle:repair`: corrupt lines were put aside. A {@link Repair}
 */
import { diagnosticsChannel } from '../base/debug.js';

export const channels = {
  commit: diagnosticsChannel('chronicle:commit'),
  rotate: diagnosticsChannel('chronicle:rotate'),
  poison: diagnosticsChannel('chronicle:poison'),
  housekeeping: diagnosticsChannel('chronicle:housekeeping'),
  repair: diagnosticsChannel('chronicle:repair'),
} as const;
