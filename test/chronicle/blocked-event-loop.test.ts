/**
 * C8: a blocked event loop never keeps the file locked.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { Gate } from '../support/gate.js';
import { eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

// Who waits for a lock that is never released waits until the test's own bound.
const patient = { lockTimeout: 600_000 };

async function twoProcesses() {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  const gate = new Gate();
  const calls = await SystemCalls.under(directory);
  const [blocked, other] = await Promise.all([
    ChronicleProcess.open(file, patient, { env: calls.env }),
    ChronicleProcess.open(file, patient),
  ]);
  await blocked.append({ eventId: 'first' });
  return { file, gate, calls, blocked, other };
}

describe.skipIf(unwatchable)('C8: a process whose event loop stands still while it appends', () => {
  it('does not keep the file locked, and its event is written and synced meanwhile', async () => {
    const { file, gate, calls, blocked, other } = await twoProcesses();
    // Its event loop stops before it has the lock: whatever happens under the lock happens without
    // JavaScript.
    const reached = calls.hold('flock chronicle');
    const append = blocked.append({ eventId: 'blocked' });
    const lock = await reached;
    await blocked.stopAt(gate);
    const synced = calls.hold('fdatasync chronicle');
    lock.answer('go');
    (await synced).answer('go');
    await other.append({ eventId: 'other' });
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['first', 'blocked', 'other']);
    gate.open();
    expect(await append).toMatchObject({ duplicate: false });
  });

  it('nor when JavaScript has to look at what others wrote, because an id of its batch occurs in it', async () => {
    const { file, gate, calls, blocked, other } = await twoProcesses();
    const locking = calls.hold('flock chronicle');
    const append = blocked.appendMany([{ eventId: 'both', from: 'blocked' }, { eventId: 'blocked' }]);
    const lock = await locking;
    // It has looked at the file before it locks it, so only what comes now has to be looked at under the
    // lock.
    const { offset } = await other.append({ eventId: 'both', from: 'other' });
    await blocked.stopAt(gate);
    // It holds the lock when it reads what the other wrote.
    const reading = calls.hold('pread chronicle');
    lock.answer('go');
    const read = await reading;
    const meanwhile = other.append({ eventId: 'meanwhile' });
    read.answer('go');
    await meanwhile;

    gate.open();
    expect(await append).toMatchObject([{ offset, duplicate: true }, { duplicate: false }]);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['first', 'both', 'meanwhile', 'blocked']);
  });

  it('nor, when it is looked at late, does it miss what was written after it had to let the lock go', async () => {
    const { file, gate, calls, blocked, other } = await twoProcesses();
    const locking = calls.hold('flock chronicle');
    const append = blocked.appendMany(['a', 'b', 'c'].map((eventId) => ({ eventId })));
    const lock = await locking;
    await other.append({ eventId: 'a' });
    await blocked.stopAt(gate);
    const reading = calls.hold('pread chronicle');
    lock.answer('go');
    (await reading).answer('go');
    await other.append({ eventId: 'b' });

    gate.open();
    expect((await append).map(({ duplicate }) => duplicate)).toEqual([true, true, false]);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(['first', 'a', 'b', 'c']);
  });
});
