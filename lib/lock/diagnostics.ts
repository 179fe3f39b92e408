/**
 * Diagnostics channels (node:diagnostics_channel) of the locks. They cost nothing while nobody subscribes.
 *
 * - `holdfast:lock:wait`: a call begins to wait. `{ path, mode }`
 * - `holdfast:lock:acquire`: a lock was taken. `{ path, mode, waited }`
 * - `holdfast:lock:timeout`: a wait ended at its deadline. `{ path, mode, waited }`
 * - `holdfast:lock:release`: a lock was released. `{ path, mode, held }`
 *
 * `waited` and `held` are milliseconds; `held` is undefined for a lock that was taken before anybody
 * subscribed. `path` is undefined for a lock on an open descriptor.
 */
import { diagnosticsChannel } from '../base/debug.js';

export const channels = {
  wait: diagnosticsChannel('lock:wait'),
  acquire: diagnosticsChannel('lock:acquire'),
  timeout: diagnosticsChannel('lock:timeout'),
  release: diagnosticsChannel('lock:release'),
} as const;
