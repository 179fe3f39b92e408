/** C15: repair refuses a file that is plainly no chronicle, and says before what it would do. */
import { existsSync, readFileSync } from 'node:fs';
import { openChronicle, repairChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { fileWith } from '../support/chronicle-file.js';
import { run } from '../support/command.js';

const others: [string, string][] = [
  ['a package.json', readFileSync(new URL('../../package.json', import.meta.url), 'utf8')],
  ['a text', 'To be,\nor not to be,\nthat is\nthe question:\nWhether\n'],
  ['a table', 'a,b\n1,2\n3,4\n5,6\n7,8\n{"a":1}\n'],
  ['an array in one line', '[{"a":1},{"b":2}]'],
  ['an array in one line, and its newline', '[{"a":1},{"b":2}]\n'],
  ['a word', 'word\n'],
  ['a number without newline', '17'],
  ['arrays in lines', '[1]\n[2]\n[3]\n[4]\n[5]\n[6]\n'],
];

describe('C15: A file that is plainly no chronicle', () => {
  it.each(others)('is left as it is: %s', async (_, content) => {
    const file = fileWith(content);
    const refused = { code: 'EVALIDATION', field: 'path' };
    await expect(repairChronicle(file)).rejects.toMatchObject(refused);
    const chronicle = await openChronicle(file);
    await expect(chronicle.repair()).rejects.toMatchObject(refused);
    await chronicle.close();
    await expect(repairChronicle(file, { dryRun: true })).rejects.toMatchObject(refused);
    const { code, err } = await run(['repair', file]);
    expect(code).toBe(1);
    expect(err).toContain('--force');
    expect(readFileSync(file, 'utf8')).toBe(content);
    expect(existsSync(`${file}.damaged`)).toBe(false);
  });

  it.each(others)('is repaired with force: %s', async (_, content) => {
    const file = fileWith(content);
    expect((await run(['repair', '--force', file])).code).toBe(0);
    expect(readFileSync(`${file}.damaged`, 'utf8').length).toBeGreaterThan(content.length / 2);
  });
});

describe('The longest line of a repair', () => {
  const events = '{"number":1234}\n'.repeat(50);
  it.each([
    ['all events', events],
    ['all events but one', `{"n":1}\n${events}`],
  ])('that is shorter than %s empties nothing', async (_, content) => {
    const file = fileWith(content);
    for (const dryRun of [false, true]) {
      await expect(repairChronicle(file, { maxLineBytes: 10, dryRun })).rejects.toMatchObject({
        field: 'path',
      });
    }
    expect(readFileSync(file, 'utf8')).toBe(content);
    const { removed } = await repairChronicle(file, { maxLineBytes: 10, dryRun: true, force: true });
    expect(removed.reasons).toEqual({ long: 50 });
  });
});

describe('What a crash leaves of a first append is moved', () => {
  it.each(['{"torn', '{"a":"\ud83d', '\0'.repeat(50), '\n{"torn'])('%j', async (content) => {
    const file = fileWith(content);
    expect((await repairChronicle(file, { dryRun: true })).removed.lines).toBe(1);
    expect((await repairChronicle(file)).removed.lines).toBe(1);
    expect(readFileSync(file, 'utf8').trim()).toBe('');
  });
});

describe('A dry run', () => {
  const content = `{"n":1}\ndamage\n{"n":2}\n${'\0'.repeat(50)}\n{"torn`;

  it('tells what would be moved, and changes nothing', async () => {
    const file = fileWith(content);
    const { removed, damagedPath } = await repairChronicle(file, { dryRun: true });
    expect(removed).toMatchObject({ lines: 3, reasons: { json: 1, nul: 1, torn: 1 } });
    expect(damagedPath).toBeUndefined();
    const { code, out } = await run(['repair', '--dry-run', file]);
    expect(code).toBe(1);
    expect(out).toContain('3 lines');
    expect(readFileSync(file, 'utf8')).toBe(content);
    expect(existsSync(`${file}.damaged`)).toBe(false);
    expect((await repairChronicle(file)).removed).toMatchObject({ lines: removed.lines });
  });

  it('of a whole file finds nothing, and options that are none are refused', async () => {
    expect((await repairChronicle(fileWith('{"n":1}\n'), { dryRun: true })).removed.lines).toBe(0);
    await expect(repairChronicle(fileWith(''), { dryRun: 1 as never })).rejects.toMatchObject({
      field: 'dryRun',
    });
    await expect(repairChronicle(fileWith(''), { force: 1 as never })).rejects.toMatchObject({
      field: 'force',
    });
  });
});
