/**
 * The name that somebody meant who mistyped it.
 */

/** The name that is fewest typing errors away from `typed`; undefined if none is near. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  // A third of the letters may be wrong.
  let bestErrors = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const name of names) {
    const errors = typingErrors(typed.toLowerCase(), name.toLowerCase());
    if (errors >= bestErrors) continue;
    best = name;
    bestErrors = errors;
  }
  return best;
}

/**
 * How many letters were left out, added, replaced or exchanged with the next one (the Damerau-Levenshtein
 * distance).
 */
function typingErrors(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const now = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      now[j] = Math.min(replaced, at(last, j) + 1, at(now, j - 1) + 1);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (exchanged) now[j] = Math.min(at(now, j), at(beforeLast, j - 2) + 1);
    }
    beforeLast = last;
    last = now;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}
