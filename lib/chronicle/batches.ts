/**
 * What was read in batches, as its caller wants to have it.
 */
import { Readable } from 'node:stream';
import type { Entry } from './results.js';

type Batches<T> = AsyncGenerator<Entry<T>[], void, undefined>;

/** As objects of a stream. It holds a batch at most. */
export function streamOf<T>(batches: Batches<T>): Readable {
  return new Readable({
    objectMode: true,
    read() {
      batches.next().then(
        ({ value, done }) => {
          if (done) this.push(null);
          else for (const entry of value) this.push(entry);
        },
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      batches.return().then(() => callback(error), callback);
    },
  });
}

export async function arrayOf<T>(batches: Batches<T>): Promise<Entry<T>[]> {
  const all: Entry<T>[] = [];
  for await (const entries of batches) {
    for (const entry of entries) all.push(entry);
  }
  return all;
}
