/**
 * A line is one line to every line reader, and Unicode: what JSON lets stand in a string and others cut or refuse is
 * written in another way. What is read, its id and what counts as the same event do not depend on it.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { appendEventWithId, openChronicle, readChronicle, verifyChronicle } from 'holdfast';
import * as sage from 'holdfast/sage-chronicle';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';

const hasPython = spawnSync('python3', ['--version']).status === 0;
const python = 'import sys; print(len(open(sys.argv[1], newline="", encoding="utf8").read().splitlines()))';

/** What Python's str.splitlines cuts at. */
const ends = new RegExp(['\r\n', ...'\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029'].join('|'));

describe('No character within a line is an end of a line', () => {
  const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join('');

  it.each<[string, object]>([
    ['U+2028 and U+2029', { a: 'x\u2028y\u2029z' }],
    ['U+0085', { a: 'x\u0085y' }],
    ['in names', { 'a\u2028': 1, 'b\u0085': { '\u2029': 2 } }],
    ['in an id', { eventId: 'a\u2028b\u0085' }],
    ['every character up to U+3000', { all }],
  ])('%s', async (_, event) => {
    const file = newFile();
    const chronicle = await openChronicle<object>(file);
    await chronicle.append({ before: 1 });
    const { eventId } = await chronicle.append(event);
    await chronicle.appendJson('{"eventId":"text","a":"x\u2028y\u0085"}');
    await chronicle.close();
    let lines = 0;
    for await (const line of createInterface({ input: createReadStream(file) })) {
      JSON.parse(line);
      lines++;
    }
    expect(lines).toBe(3);
    expect(readFileSync(file, 'utf8').split(ends)).toHaveLength(4);
    if (hasPython) expect(spawnSync('python3', ['-c', python, file]).stdout.toString().trim()).toBe('3');
    const [, read, text] = await readChronicle(file);
    expect(read).toEqual({ ...event, eventId });
    expect(text).toEqual({ eventId: 'text', a: 'x\u2028y\u0085' });
    expect(await verifyChronicle(file)).toMatchObject({ intact: true, events: 3 });
  });

  it('the id is that of the event, and the raw form of it is the same event', async () => {
    const event = { a: 'x\u2028y' };
    const plain = await appendEventWithId(newFile(), event);
    const file = newFile();
    // As earlier versions have written it.
    appendFileSync(file, `${JSON.stringify({ ...event, eventId: plain.eventId })}\n`);
    appendFileSync(file, `${JSON.stringify({ eventId: 'own\u2028' })}\n`);
    const chronicle = await openChronicle<object>(file);
    expect(await chronicle.append(event)).toMatchObject({ duplicate: true, offset: 0 });
    expect(await chronicle.append({ eventId: 'own\u2028' })).toMatchObject({ duplicate: true });
    expect(await chronicle.append({ eventId: 'own\u2029' })).toMatchObject({ duplicate: false });
    expect(await chronicle.append({ eventId: 'own\u2029' })).toMatchObject({ duplicate: true });
    expect(await chronicle.find('own\u2029')).toMatchObject({ event: { eventId: 'own\u2029' } });
    await chronicle.close();
    expect(await verifyChronicle(file)).toMatchObject({ intact: true, events: 3 });
  });
});

describe('Half a surrogate pair is written as U+FFFD, with one rule for all events', () => {
  const half = 'a\ud83d';

  it.each<[string, object]>([
    ['in a string', { t: half }],
    ['the second half', { t: '\ude00' }],
    ['halves in the wrong order', { t: '\ude00\ud83d' }],
    ['in a name', { [half]: { t: 1 } }],
    ['beside a whole pair, and what only looks like an escape', { t: '😀\ud83d\\ud83d' }],
  ])('%s', async (_, event) => {
    const file = newFile();
    const chronicle = await openChronicle<object>(file);
    await chronicle.append(event);
    await chronicle.append({ ...event, eventId: 'own' });
    await chronicle.appendJson(JSON.stringify({ ...event, eventId: 'escaped' }));
    const results = await chronicle.appendMany([{ n: 1 }, { ...event, more: 1 }, { n: 2 }]);
    expect(results).toHaveLength(3);
    await chronicle.close();
    const text = readFileSync(file, 'utf8');
    expect(text).not.toMatch(/(?<!\\)(\\\\)*\\u[dD]/);
    const expected = JSON.parse(text.split('\n')[1] as string);
    expect(JSON.stringify({ ...expected, eventId: 0 })).toBe(
      JSON.stringify({ ...event, eventId: 0 }).replaceAll(/(?<!\\)\\ud[0-9a-f]{3}/g, '\ufffd'),
    );
    expect(await verifyChronicle(file)).toMatchObject({ intact: true, events: 6 });
  });

  it('and what differs in it only is told apart, since the id is that of the halves', async () => {
    const file = newFile();
    const chronicle = await openChronicle<object>(file, { dedupe: 'all' });
    const ids = new Set<string | undefined>();
    for (const t of ['\ud83d', '\ud83e', '\ufffd', '\ude00', '\\ud83d', '\ud83d\ud83d']) {
      const { duplicate, eventId } = await chronicle.append({ t });
      expect(duplicate).toBe(false);
      ids.add(eventId);
    }
    expect(ids.size).toBe(6);
    await chronicle.close();
    const again = await openChronicle<object>(file, { dedupe: 'all' });
    const { eventId, duplicate } = await again.append({ t: '\ud83d' });
    expect({ duplicate, eventId }).toEqual({
      duplicate: true,
      eventId: expect.stringMatching(/^utf16-[0-9a-f]{64}$/),
    });
    expect(await again.appendJson('{"t": "\\uD83D"}')).toMatchObject({ duplicate: true, eventId });
    expect(await again.appendJson('{"t": "\ud83d"}')).toMatchObject({ duplicate: true, eventId });
    await again.close();
    expect(await sage.computeEventId({ t: '\ud83d' })).toBe(eventId);
  });

  it('sage serializes as it appends', () => {
    expect(sage.serializeEvent({ t: 'x\ud83d\u2028' })).toBe('{"t":"x\ufffd\\u2028"}\n');
  });
});
