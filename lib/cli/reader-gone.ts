/**
 * The end of a command whose output nobody reads any more (`… | head`), for one that may wait long between two prints.
 */
import { native } from '../native/addon.js';

/** Ends the command then, also while there is nothing to print. On Windows only the next print tells. */
export function endWithReader(): void {
  const { fd, isTTY } = process.stdout;
  if (process.platform === 'win32' || isTTY) return;
  // What is neither a pipe nor a socket, but a file, say, has no reader that could go.
  native.awaitReaderGone(fd, (error) => void (error ?? process.exit()));
}
