/**
 * Loads what the commands do on a server, and with it the engine for PostgreSQL: only where there is an address.
 */
export function remote(): typeof import('./remote.js') {
  return require('./remote.js');
}
