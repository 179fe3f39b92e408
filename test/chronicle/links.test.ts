/** A path that is a symbolic link: what stands beside a chronicle is beside the file that the link leads to. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import {
  type ChronicleOptions,
  followChronicle,
  openChronicle,
  readChronicle,
  repairChronicle,
  tailChronicle,
  verifyChronicle,
} from 'holdfast';
import { describe, expect, it } from 'vitest';
import { newFile } from '../support/chronicle-file.js';
import { run } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { eventsOf } from '../support/lines.js';

const rotatedName = (file: string) => `${file}.20200101T000000.000Z`;

/** Kinds of links to a file. */
const kinds: [string, (file: string) => string][] = [
  ['a link', (file) => linkTo(file)],
  ['a link to a link', (file) => linkTo(linkTo(file))],
  [
    'a relative link',
    (file) => {
      const directory = join(dirname(file), 'links');
      mkdirSync(directory);
      symlinkSync('../chronicle', join(directory, 'link'));
      return join(directory, 'link');
    },
  ],
];

function linkTo(file: string): string {
  const link = join(temporaryDirectory(), 'link');
  symlinkSync(file, link);
  return link;
}

const idsOf = (file: string) => eventsOf(file).map(({ eventId }) => eventId);

async function append(path: string, ids: string[], options?: ChronicleOptions): Promise<void> {
  await using chronicle = await openChronicle(path, options);
  for (const eventId of ids) await chronicle.append({ eventId });
}

describe.each(kinds)('through %s,', (_, toLink) => {
  it('a writer without a chain is refused where the last event, in a rotated file, has a link', async () => {
    const file = newFile();
    await append(file, ['a', 'b'], { chain: true });
    renameSync(file, rotatedName(file));
    writeFileSync(file, '');
    const link = toLink(file);
    const error = { code: 'EVALIDATION', field: 'chain' };
    for (const options of [
      {},
      { dedupe: false as const },
      { dedupe: 'all' as const },
      { rotate: { maxBytes: 99 } },
    ]) {
      await expect(openChronicle(link, options)).rejects.toMatchObject(error);
    }
    expect(await run(['append', link], '{"eventId":"c"}\n')).toMatchObject({ code: 2 });
    expect(readFileSync(file, 'utf8')).toBe('');
    await append(link, ['c'], { chain: true });
    expect((await verifyChronicle(link, { chain: true })).chain).toMatchObject({ intact: true, events: 3 });
  });

  it('a writer without a chain that had it open is refused after others have rotated', async () => {
    const file = newFile();
    writeFileSync(file, '');
    await using early = await openChronicle(toLink(file));
    await append(file, ['a', 'b'], { chain: true });
    renameSync(file, rotatedName(file));
    writeFileSync(file, '');
    await expect(early.append({ eventId: 'c' })).rejects.toMatchObject({ field: 'chain' });
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('one goes on without a chain beside rotated files that have none', async () => {
    const file = newFile();
    await append(file, ['a']);
    renameSync(file, rotatedName(file));
    writeFileSync(file, '');
    await append(toLink(file), ['b']);
    expect(idsOf(file)).toEqual(['b']);
  });

  it('the file of ids is that of the file, for all who open it', async () => {
    const file = newFile();
    const link = toLink(file);
    const options = { dedupe: 'all' } as const;
    await append(link, ['a', 'b'], options);
    expect(
      readdirSync(dirname(link)).filter((name) => name.endsWith('.ids') && dirname(link) !== dirname(file)),
    ).toEqual([]);
    const { size } = statSync(`${file}.ids`);
    await append(file, ['b', 'c'], options);
    expect(statSync(`${file}.ids`).size).toBeGreaterThan(size);
    await append(link, ['a', 'c'], options);
    expect(eventsOf(file)).toHaveLength(3);
    // And goes with the file when that is rotated.
    await append(link, ['d'], { ...options, rotate: { maxBytes: 1 } });
    expect(existsSync(`${link}.ids`) && dirname(link) !== dirname(file)).toBe(false);
    expect(readdirSync(dirname(file)).filter((name) => /Z\.ids$/.test(name))).toHaveLength(1);
  });

  it('reading, following, verifying and repairing find the rotated files', async () => {
    const file = newFile();
    const link = toLink(file);
    await append(file, ['a', 'b', 'c'], { rotate: { maxBytes: 1 } });
    const all = ['a', 'b', 'c'];
    const ids = (events: { eventId?: unknown }[]) => events.map(({ eventId }) => eventId);
    expect(ids(await readChronicle(link))).toEqual(all);
    expect(ids(await tailChronicle(link, 2))).toEqual(['b', 'c']);
    await using chronicle = await openChronicle(link);
    const files = await chronicle.files();
    expect(files.map(({ path }) => dirname(normalize(path)))).toEqual([
      dirname(file),
      dirname(file),
      dirname(link),
    ]);
    const [first] = await chronicle.toArray({ limit: 1 });
    const rest = async () =>
      (await chronicle.toArray({ after: first?.position as string })).map(({ event }) => event.eventId);
    expect(await rest()).toEqual(['b', 'c']);
    const followed: unknown[] = [];
    for await (const { event } of followChronicle(link)) {
      followed.push(event.eventId);
      if (followed.length === 3) break;
    }
    expect(followed).toEqual(all);
    expect((await verifyChronicle(link)).events).toBe(3);
    appendFileSync(file, 'no event\n');
    const { damagedPath } = await repairChronicle(link, { force: true });
    expect(normalize(damagedPath as string)).toBe(`${file}.damaged`);
    expect(await rest()).toEqual(['b', 'c']);
  });
});

it('a follower of a link that leads nowhere yet sees what is made there', async () => {
  const file = newFile();
  const link = linkTo(file);
  const entries = followChronicle(link);
  const next = entries.next();
  await append(file, ['a']);
  expect((await next).value?.event).toEqual({ eventId: 'a' });
  await entries.return();
});

it('a writer goes to the file that the link leads to now, and keeps its ids beside that', async () => {
  const [one, other] = [newFile(), newFile()];
  const link = linkTo(one);
  {
    await using chronicle = await openChronicle(link, { dedupe: 'all' });
    await chronicle.append({ eventId: 'a' });
    rmSync(link);
    symlinkSync(other, link);
    await chronicle.append({ eventId: 'a' });
  }
  expect([idsOf(one), idsOf(other)]).toEqual([['a'], ['a']]);
  expect(existsSync(`${other}.ids`)).toBe(true);
  expect(existsSync(`${link}.ids`)).toBe(false);
});
