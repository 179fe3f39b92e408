/**
 * The end of a chronicle: flush, close, and the end of the process.
 */
import { join } from 'node:path';
import { lock, openChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';
import { Program } from '../support/processes.js';

const events = Array.from({ length: 100 }, (_, n) => ({ eventId: `${n}` }));

describe('close', () => {
  it('lets the appends finish that were made before', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file);
    let acknowledged = 0;
    for (const event of events) void chronicle.append(event).then(() => acknowledged++);
    await chronicle.close();
    expect(acknowledged).toBe(events.length);
    expect(eventsOf(file)).toHaveLength(events.length);
  });

  it('waits for an append that waits for the lock', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file, { lockTimeout: 600_000 });
    const held = await lock(file);
    const append = chronicle.append({ eventId: 'a' });
    const closed = chronicle.close();
    await held.release();
    expect(await append).toMatchObject({ duplicate: false });
    await closed;
  });

  it('does not wait for ever for an append that fails', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file, { lockTimeout: 0 });
    const held = await lock(file);
    const append = expect(chronicle.append({ eventId: 'a' })).rejects.toMatchObject({
      code: 'ELOCK_TIMEOUT',
    });
    await chronicle.close();
    await append;
    await held.release();
  });

  it('ECLOSED: refuses every append from then on, while it closes and after', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file);
    await chronicle.append({ eventId: 'a' });
    const closing = chronicle.close();
    const closed = { name: 'HoldfastError', code: 'ECLOSED', path: file };
    for (let when = 0; when < 2; when++) {
      await expect(chronicle.append({ eventId: 'b' })).rejects.toMatchObject(closed);
      await expect(chronicle.append({ eventId: 'a' })).rejects.toMatchObject(closed);
      await expect(chronicle.appendMany([{ eventId: 'b' }])).rejects.toMatchObject(closed);
      await closing;
    }
    expect(eventsOf(file)).toHaveLength(1);
  });

  it('may be called again, and by [Symbol.asyncDispose]', async () => {
    const chronicle = await openChronicle(join(temporaryDirectory(), 'chronicle'));
    await Promise.all([chronicle.close(), chronicle.close(), chronicle[Symbol.asyncDispose]()]);
    await chronicle.close();
    await chronicle.flush();
    const disposed = await openChronicle(chronicle.path);
    await disposed[Symbol.asyncDispose]();
    await expect(disposed.append({})).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  it('of one handle leaves another of the same file open', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const [first, second] = await Promise.all([openChronicle(file), openChronicle(file)]);
    await first.append({ eventId: 'a' });
    await first.close();
    expect(await second.append({ eventId: 'a' })).toMatchObject({ duplicate: true });
    await second.close();
  });
});

describe('flush', () => {
  it('resolves when every append that was made before is acknowledged', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file);
    let acknowledged = 0;
    const count = () => acknowledged++;
    for (const event of events) void chronicle.append(event).then(count);
    await chronicle.flush();
    expect(acknowledged).toBe(events.length);
    expect(eventsOf(file)).toHaveLength(events.length);
    await chronicle.flush(); // nothing to wait for
    await chronicle.close();
  });

  it('resolves when an append before it was rejected', async () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const chronicle = await openChronicle(file, { lockTimeout: 0 });
    const held = await lock(file);
    let rejected = false;
    void chronicle.append({ eventId: 'a' }).catch(() => {
      rejected = true;
    });
    await chronicle.flush();
    expect(rejected).toBe(true);
    await held.release();
    await chronicle.close();
  });
});

describe('The end of a process', () => {
  it.each(['appendEvent', 'openChronicle'])(
    'comes by itself, and only after its appends: %s',
    async (way) => {
      const file = join(temporaryDirectory(), 'chronicle');
      const program = new Program('append-all-and-end', way, file);
      expect(await program.exited).toBe(0);
      expect(eventsOf(file).map(({ eventId }) => eventId)).toEqual(events.map(({ eventId }) => eventId));
    },
  );
});
