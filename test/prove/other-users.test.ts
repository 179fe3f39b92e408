/**
 * Other users: beside root and a service user, who append to a chronicle, rotate, repair and replace a file in a
 * shared directory, a user without rights plants, flips, truncates and removes at random. No right is gained, no
 * file elsewhere is touched; and where the directory is sticky, so that he can remove nothing of theirs, no event
 * is lost, doubled or stopped.
 */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { countIds, filesOf, linesOf } from '../support/lines.js';
import { Program } from '../support/processes.js';
import { prove, seed } from './prove.js';

const attacker = 65534;
const service = 1234;
const events = 50;
const secret = 'a program of root\n';

interface Place {
  readonly directory: string;
  readonly file: string;
  readonly state: string;
  readonly outside: string;
}

function place(mode: number): Place {
  const parent = temporaryDirectory(memory);
  chmodSync(parent, 0o755);
  const directory = join(parent, 'shared');
  mkdirSync(directory);
  chmodSync(directory, mode);
  const outside = join(parent, 'program');
  writeFileSync(outside, secret);
  chmodSync(outside, 0o4755);
  const [file, state] = [join(directory, 'chronicle'), join(directory, 'state')];
  writeFileSync(file, '');
  chownSync(file, service, service);
  chmodSync(file, 0o600);
  writeFileSync(state, '');
  return { directory, file, state, outside };
}

/** The events of what can be theirs. */
function eventIdsOf(file: string): unknown[] {
  const theirs = filesOf(file).filter((path) => {
    const stats = lstatSync(path);
    return stats.isFile() && stats.uid !== attacker && stats.nlink === 1;
  });
  const lines = theirs.flatMap(linesOf).filter(({ text }) => text.startsWith('{'));
  return lines.map(({ text }) => JSON.parse(text).eventId);
}

/** What he must not have got, in whatever directory. */
function gains({ directory, outside }: Place): string[] {
  const found: string[] = [];
  if (readFileSync(outside, 'utf8') !== secret) found.push('a file elsewhere was written');
  if ((statSync(outside).mode & 0o7777) !== 0o4755) found.push('a file elsewhere has other rights');
  for (const name of readdirSync(directory)) {
    const stats = lstatSync(join(directory, name), { throwIfNoEntry: false });
    if (!stats?.isFile() || stats.ino === statSync(outside).ino) continue;
    if (stats.uid !== attacker && stats.mode & 0o7000) found.push(`${name} has a set-id bit`);
    if (stats.uid !== attacker && stats.mode & 0o022) found.push(`${name} may be written to by others`);
  }
  return found;
}

async function round(mode: number, number: number): Promise<string[]> {
  const where = place(mode);
  const { file, state, outside } = where;
  const neighbour = new Program('hostile-neighbour', `${attacker}`, file, state, outside, `${seed + number}`);
  await neighbour.next();
  const options = {
    dedupe: 'all',
    rotate: { maxBytes: 2000 },
    onCorrupt: 'skip',
    lockTimeout: 60_000,
  } as const;
  const root = await ChronicleProcess.open(file, options).catch(() => undefined);
  const other = new ChronicleProcess();
  await other.ask('setuid', service);
  const opened = await other.ask('open', file, options).then(
    () => true,
    () => false,
  );
  const quiet = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error) => error,
    );
  const floods = [
    ...(root ? [quiet(root.flood('root', 2, events, [10, 300]))] : []),
    ...(opened ? [quiet(other.flood('service', 2, events, [10, 300]))] : []),
  ];
  let done = false;
  const busy = (async () => {
    while (!done) {
      await quiet(other.ask('writeFileAtomic', state, 'of the service'));
      if (root) {
        await quiet(root.ask('writeFileAtomic', state, 'of root'));
        await quiet(root.ask('repairChronicle', file, { lockTimeout: 60_000 }));
      }
    }
  })();
  const failures = (await Promise.all(floods)).filter(Boolean) as Error[];
  done = true;
  await busy;
  await neighbour.kill();
  const findings = gains(where);
  if ((mode & 0o1000) === 0) return findings;
  findings.push(...failures.map(({ message }) => `an append was stopped: ${message}`));
  if (!root || !opened) findings.push('a chronicle could not be opened');
  const acknowledged = [...(root?.acknowledged ?? []), ...other.acknowledged];
  const counts = countIds(eventIdsOf(file).map((eventId) => ({ eventId })) as never);
  if (acknowledged.length !== 4 * events) findings.push(`${acknowledged.length} acknowledged`);
  for (const { eventId, duplicate } of acknowledged) {
    if (counts.get(eventId) !== 1) findings.push(`${eventId} is there ${counts.get(eventId)} times`);
    if (duplicate) findings.push(`${eventId} was taken for a duplicate`);
  }
  return findings;
}

describe.skipIf(process.getuid?.() !== 0 || process.platform === 'win32')(
  'S1, S2: other users (as root)',
  () => {
    for (const [what, mode] of [
      ['a sticky directory: no right, no event, no append', 0o1777],
      ['a directory where he may remove everything: no right', 0o777],
    ] as const) {
      prove(
        'other users',
        `beside a user without rights nothing is lost in ${what}`,
        { quick: 2, full: 200, unit: 'rounds' },
        async (tally) => {
          for (; tally.hasBudget; tally.count++) expect(await round(mode, tally.count)).toEqual([]);
        },
      );
    }
  },
);
