/**
 * One of the processes that append, on whichever machine: tells its parent of each acknowledgement at once, so that
 * what it knew is not lost when it is killed.
 */
import { once } from 'node:events';
import { connect } from 'holdfast/postgres';

/** An event that was acknowledged; null when all of them were. */
export type Told = { readonly id: string; readonly duplicate: boolean } | null;

const tell = (told: Told) => process.send?.(told);

const [connectionString = '', schema = '', writer = '', count = ''] = process.argv.slice(2);
process.once('disconnect', () => process.exit()); // the parent is gone

const postgres = await connect({ connectionString, schema });
const chronicle = await postgres.openChronicle('orders', { dedupe: 'all' });

/** Orders that all writers hear of, on both machines, each followed by what this writer has done about it. */
function* events(): Generator<{ eventId: string; writer?: string }> {
  for (let number = 1; number <= Number(count); number++) {
    yield { eventId: `order ${number}` };
    yield { eventId: `order ${number}, seen by ${writer}`, writer };
  }
}

const all = events(); // one for all callers: each takes the next
async function caller(): Promise<void> {
  for (const event of all) {
    const { duplicate } = await chronicle.append(event);
    tell({ id: event.eventId, duplicate });
  }
}
await Promise.all(Array.from({ length: 8 }, caller));
await postgres.close();
tell(null);
await once(process, 'disconnect');
