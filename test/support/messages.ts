/** What messages say, on this machine. */

/** A text in a regular expression, where it stands for itself. */
export function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** `begin`, a pattern, and later who holds the lock, where the platform can say. */
export function heldBy(begin: string, pid: number): RegExp {
  return new RegExp(process.platform === 'linux' ? `${begin}.*, held by process ${pid} ` : begin);
}
