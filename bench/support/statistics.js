/**
 * Medians and quartiles. The machine is never quiet, so means say little.
 */

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/** @param {readonly number[]} values */
export function summary(values) {
  return { median: median(values), quartiles: [quantile(values, 0.25), quantile(values, 0.75)] };
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)];
  return low + (sorted[Math.ceil(place)] - low) * (place - Math.floor(place));
}
