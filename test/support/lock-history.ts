/** A history of locks that were held, and the check that no two of them exclude each other and overlap. */

/** Times are nanoseconds of one clock for all processes. `to` is undefined for a holder that was killed. */
export interface Holding {
  readonly holder: string;
  readonly mode: string;
  readonly from: bigint;
  readonly to: bigint | undefined;
  /** Whether the holder was told that its lock excludes nobody any more. */
  readonly told?: boolean;
}

/**
 * Reads lines `+ holder mode time`, written after acquiring, and `- holder time`, written before releasing, or
 * `- holder time told`. So a holding is never longer here than it was, and an overlap is real.
 */
export function parseHistory(text: string): Holding[] {
  const open = new Map<string, Holding>();
  const holdings: Holding[] = [];
  for (const line of text.split('\n')) {
    const [sign, holder = '', ...rest] = line.split(' ');
    if (sign === '+') {
      open.set(holder, { holder, mode: rest[0] ?? '', from: BigInt(rest[1] ?? 0), to: undefined });
    } else if (sign === '-') {
      const begun = open.get(holder);
      if (!begun) throw new Error(`released without holding: ${line}`);
      open.delete(holder);
      holdings.push({ ...begun, to: BigInt(rest[0] ?? 0), told: rest[1] === 'told' });
    }
  }
  return [...holdings, ...open.values()];
}

/** The pairs that were held together although one of them was exclusive, and neither holder was told. */
export function overlaps(holdings: readonly Holding[]): [Holding, Holding][] {
  const found: [Holding, Holding][] = [];
  const sorted = holdings.toSorted((a, b) => (a.from < b.from ? -1 : 1));
  let current: Holding[] = [];
  for (const next of sorted) {
    // Of a killed holder only the beginning is known.
    current = current.filter(({ from, to }) => (to ?? from) > next.from);
    for (const other of current) {
      if (other.told || next.told) continue;
      if (other.mode === 'exclusive' || next.mode === 'exclusive') found.push([other, next]);
    }
    current.push(next);
  }
  return found;
}
