/**
 * C10: the lock is released before the sync, so that processes sync side by side. The order is fixed by the
 * write; the acknowledgement waits for the sync.
 */
import { join } from 'node:path';
import { readChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { within } from '../support/blocking.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

async function twoProcesses() {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  const calls = await Promise.all([SystemCalls.under(directory), SystemCalls.under(directory)]);
  const [slow, other] = await Promise.all([
    ChronicleProcess.open(file, {}, { env: calls[0].env }),
    ChronicleProcess.open(file, {}, { env: calls[1].env }),
  ]);
  return { file, slow, other, slowCalls: calls[0], otherCalls: calls[1] };
}

describe.skipIf(unwatchable)('C10: while a process syncs', () => {
  it('another appends and is acknowledged, and the first one is not before its own sync', async () => {
    const { file, slow, other, slowCalls } = await twoProcesses();
    const reached = slowCalls.hold('fdatasync chronicle');
    let acknowledged = false;
    const append = slow.append({ eventId: 'slow' }).then((result) => {
      acknowledged = true;
      return result;
    });
    const sync = await reached;
    await other.append({ eventId: 'other' });
    await slow.ping();
    expect(acknowledged).toBe(false);
    sync.answer('go');
    expect(await append).toEqual({ offset: 0, next: 19, eventId: 'slow', duplicate: false });
    // The order is that of the writes, and not that of the acknowledgements.
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['slow', 'other']);
  });

  it('readers see its line already', async () => {
    const { file, slow, slowCalls } = await twoProcesses();
    const reached = slowCalls.hold('fdatasync chronicle');
    const append = slow.append({ eventId: 'slow' });
    const sync = await reached;
    expect(await readChronicle(file)).toEqual([{ eventId: 'slow' }]);
    sync.answer('go');
    await append;
  });

  it('another one syncs side by side with it', async () => {
    const { slow, other, slowCalls, otherCalls } = await twoProcesses();
    const held = [slowCalls.hold('fdatasync chronicle'), otherCalls.hold('fdatasync chronicle')];
    const appends = [slow.append({ eventId: 'slow' }), other.append({ eventId: 'other' })];
    const syncs = await within(Promise.all(held), 'both are inside their sync at the same time');
    expect(syncs).toHaveLength(2);
    for (const sync of syncs) sync.answer('go');
    await Promise.all(appends);
  });
});
