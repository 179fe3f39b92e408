/**
 * A consumer that stores how far it came, and goes on from there after a restart, also where the log was rotated
 * meanwhile. It handles every event at least once, in order.
 *
 *   npm run compile && node dist/examples/consumer.mjs orders.ndjson orders.position
 *
 * prints events as they come. Stop it, append with `holdfast append orders.ndjson`, and start it again.
 */
import { readFile } from 'node:fs/promises';
import { followChronicle, HoldfastError, writeFileAtomic } from 'holdfast';

const [path = 'orders.ndjson', positionPath = `${path}.position`] = process.argv.slice(2);

async function storedPosition(): Promise<string | undefined> {
  try {
    return await readFile(positionPath, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // the first start
    throw error;
  }
}

async function handle(event: object): Promise<void> {
  console.log(JSON.stringify(event));
}

const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort()).once('SIGINT', () => stopping.abort());

try {
  const after = await storedPosition();
  const events = followChronicle(path, { ...(after !== undefined && { after }), signal: stopping.signal });
  for await (const { event, position } of events) {
    await handle(event);
    // Only when it is handled: who is killed before this handles the event again. For fewer syncs, store it less often.
    await writeFileAtomic(positionPath, position);
  }
} catch (error) {
  // Events were removed before they were handled (rotate.keep): somebody has to know.
  if (error instanceof HoldfastError && error.code === 'EGAP') console.error(error.message, error.gap);
  throw error;
}
