/**
 * Peers are optional: what does not install here is left out, and the reports say so.
 */

/** @type {Map<string, string>} */
const missing = new Map();

/** The package, or undefined where it cannot be loaded. */
export async function loadPeer(name) {
  try {
    const peer = await import(name);
    return peer.default ?? peer;
  } catch (error) {
    missing.set(name, String(error.message).split('\n', 1)[0]);
    return undefined;
  }
}

/** Name and reason of every peer that could not be loaded. */
export function missingPeers() {
  return Object.fromEntries(missing);
}

export function printMissingPeers() {
  for (const [name, reason] of missing)
    console.log(`not installed, and so not measured: ${name} (${reason})`);
}
