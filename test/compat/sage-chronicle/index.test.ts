/** holdfast/sage-chronicle: whether an id is anywhere in the file, for which there is no index to be out of date. */
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  acquireLock,
  appendEvent,
  batchCheckDuplicates,
  isDuplicateUsingIndex,
  maintainEventIndex,
} from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { sageEvent as event, sageFile, sagePath, wrong } from '../../support/sage-events.js';

describe('isDuplicateUsingIndex()', () => {
  it('knows every event of the file, and no part of an id', async () => {
    const file = sageFile(...Array.from({ length: 20_000 }, (_, i) => ({ eventId: `id-${i}` })));
    expect(await isDuplicateUsingIndex(file, 'id-0')).toBe(true);
    expect(await isDuplicateUsingIndex(file, 'id-19999')).toBe(true);
    expect(await isDuplicateUsingIndex(file, 'id-1999')).toBe(true);
    expect(await isDuplicateUsingIndex(file, 'id-20000')).toBe(false);
    expect(await isDuplicateUsingIndex(file, 'id-')).toBe(false);
    expect(await isDuplicateUsingIndex(file, 'd-1')).toBe(false);
  });

  it('knows an id however it is written, and only as the id', async () => {
    const file = sageFile(
      '{"event\\u0049d" : "\\u0061b"}\n',
      { n: { eventId: 'deep' } },
      { text: 'text' },
      '{"eventId":"torn"',
    );
    expect(await isDuplicateUsingIndex(file, 'ab')).toBe(true);
    for (const id of ['deep', 'text', 'torn'])
      expect([id, await isDuplicateUsingIndex(file, id)]).toEqual([id, false]);
  });

  it('is never out of date, and believes no file that others have put there', async () => {
    const file = sagePath();
    expect(await isDuplicateUsingIndex(file, 'a')).toBe(false);
    await appendEvent(file, event({ eventId: 'a' }));
    await maintainEventIndex(file);
    writeFileSync(`${file}.idx`, 'planted\n');
    expect(await isDuplicateUsingIndex(file, 'a')).toBe(true);
    expect(await isDuplicateUsingIndex(file, 'planted')).toBe(false);
    appendFileSync(file, '{"eventId":"b"}\n');
    expect(await isDuplicateUsingIndex(file, 'b')).toBe(true);
    expect(await batchCheckDuplicates(file, ['a', 'b', 'planted'], { useIndex: true })).toEqual(
      new Map(Object.entries({ a: true, b: true, planted: false })),
    );
  });

  it('needs no lock', async () => {
    const file = sageFile({ eventId: 'a' });
    const held = await acquireLock(file);
    expect(await isDuplicateUsingIndex(file, 'a')).toBe(true);
    await held.release();
  });

  it.each([undefined, '', 7])('refuses %j', async (id) => {
    await expect(isDuplicateUsingIndex(sageFile({}), wrong(id))).rejects.toMatchObject({
      code: 'EVALIDATION',
      field: 'eventId',
    });
  });
});

it('maintainEventIndex() has nothing to do, and leaves no file', async () => {
  const file = sageFile({ eventId: 'a' });
  expect(await maintainEventIndex(file)).toBeUndefined();
  expect(readdirSync(dirname(file))).toEqual(['test.sage']);
});
