// A user without rights in a directory that he shares with others: `<user> <chronicle> <state> <outside> <seed>`.
// For ever, he gives names that count for them to files of every kind, and removes and truncates what he can.
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const [user, chronicle, state, outside, seed] = process.argv.slice(2);
process.setgroups([]);
process.setgid(Number(user));
process.setuid(Number(user));

let drawn = Number(seed) >>> 0;
const below = (bound) => {
  drawn = (Math.imul(drawn, 1664525) + 1013904223) >>> 0;
  return Math.floor((drawn / 2 ** 32) * bound);
};
const pick = (from) => from[below(from.length)];
const digits = (count) => Array.from({ length: count }, () => below(16).toString(16)).join('');
const stampOf = (time) => new Date(time).toISOString().replace(/[-:]/g, '');

const names = () => {
  const stamp = pick([
    () => stampOf(Date.now() + below(2e9) - 1e9),
    () => stampOf(4e12 + below(1e9)),
    () => '99991231T235959.999Z',
    () => '20200001T000000.000Z',
  ])();
  return pick([
    `${chronicle}.${stamp}`,
    `${chronicle}.${stamp}.ids`,
    `${chronicle}.ids`,
    `${chronicle}.damaged`,
    join(dirname(chronicle), `.chronicle.${digits(24)}.tmp`),
    chronicle,
    state,
  ]);
};

// Events that will be sent by others, so that they would be taken for duplicates.
const forged = () =>
  Array.from(
    { length: 20 },
    () => `{"eventId":"${pick(['root', 'service'])}.${below(4)}.${below(200)}"}\n`,
  ).join('');

const acts = [
  (path) => writeFileSync(path, forged(), { flag: 'wx', mode: 0o666 }),
  (path) => writeFileSync(path, 'not json\n'.repeat(below(9)), { flag: 'wx', mode: 0o666 }),
  (path) => symlinkSync(outside, path),
  (path) => linkSync(outside, path),
  (path) => mkdirSync(path),
  (path) => execFileSync('mkfifo', [path], { stdio: 'ignore' }),
  (path) => truncateSync(path, 0),
  (path) => unlinkSync(path),
  (path) => rmSync(path, { recursive: true }),
  (path) => {
    const made = `${path}.flip`;
    symlinkSync(outside, made);
    renameSync(made, path);
  },
];

process.send('started');
for (;;) {
  try {
    pick(acts)(names());
  } catch {
    // it is not his to do
  }
}
