/**
 * Diagnostics channels (node:diagnostics_channel) of the chronicles. They cost nothing while nobody
 * subscribes.
 *
 * - `holdfast:chronicle:commit`: events were written with one lock and one sync. A {@link Commit}
 * - `holdfast:chronicle:rotate`: the file was rotated before a commit. `{ path }`
 * - `holdfast:chronicle:poison`: the outcome of a write is unknown, and this handle appends no more. `{ path,
 *   error }`
 * - `holdfast:chronicle:repair`: corrupt lines were put aside. A {@link Repair}
 */
import { diagnosticsChannel } from '../base/debug.js';

export const channels = {
  commit: diagnosticsChannel('chronicle:commit'),
  rotate: diagnosticsChannel('chronicle:rotate'),
  poison: diagnosticsChannel('chronicle:poison'),
  repair: diagnosticsChannel('chronicle:repair'),
} as const;
