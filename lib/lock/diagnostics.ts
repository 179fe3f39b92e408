/**
 * Diagnostics channels (node:diagnostics_channel) of the locks. They cost nothing while nobody subscribes.
 *
 * - `holdfast:lock:wait`: a call begins to wait. `{ path, mode }`
 * - `holdfast:lock:acquire`: a lock was taken. `{ path, mode, waited }`
 * - `holdfast:lock:timeout`: a wait ended at its deadline. `{ path, mode, waited }`
 * - `holdfast:lock:release`: a lock was released. `{ path, mode, held }`
 *
 * `waited` and `held` are milliseconds; `held` is undefined for a lock that was taken before anybody subscribed.
 * `path` is undefined for a lock on an open descriptor.
 */
import { channel } from 'node:diagnostics_channel';

export const channels = {
  wait: channel('holdfast:lock:wait'),
  acquire: channel('holdfast:lock:acquire'),
  timeout: channel('holdfast:lock:timeout'),
  release: channel('holdfast:lock:release'),
} as const;
