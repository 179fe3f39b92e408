/**
 * Group commit as one writes it in an afternoon: what is appended while a commit runs forms the next one.
 */

/**
 * @template T
 * @param {(items: T[]) => void | Promise<void>} commit
 * @returns {(item: T) => Promise<void>}
 */
export function groupCommit(commit) {
  let waiting = [];
  let running = false;
  const run = async () => {
    running = true;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (waiting.length === 0) break;
      const batch = waiting;
      waiting = [];
      try {
        await commit(batch.map(({ item }) => item));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    running = false;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) run();
    });
}

/** Runs one call after the other. */
export function oneByOne(call) {
  let last = Promise.resolve();
  return (item) => {
    last = last.then(() => call(item));
    return last;
  };
}
