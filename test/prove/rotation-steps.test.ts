/**
 * Every step of a rotation: the writer is killed before each of its system calls, one after the other, and each of them
 * fails as on a full disk. Whatever happens where: the path names a file, whose rights are those of the old one, nobody
 * gains any, each event is there once, positions hold, and the next writer goes on and tidies up.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type ChronicleOptions, openChronicle } from 'holdfast';
import { describe, expect } from 'vitest';
import { aclOf, setAcl, withoutAcls } from '../support/acl.js';
import { ChronicleProcess, type RemoteError } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { eventsOf, filesOf } from '../support/lines.js';
import { type Answer, type Call, SystemCalls, unwatchable } from '../support/system-calls.js';
import { inFull, prove, Random } from './prove.js';

const fill = 'x'.repeat(40);
const event = (eventId: string) => ({ eventId, fill });
const isRoot = process.getuid?.() === 0;
const acl = ['u::rw', 'u:65534:r', 'g::-', 'm::r', 'o::-'];

interface Way {
  readonly options: ChronicleOptions;
  readonly rights: 'mode and owner' | 'ACL';
}

const rotate = { maxBytes: 50, keep: 2 };
const ways: Record<string, Way> = {
  "dedupe 'all', 0640 of another owner": { options: { rotate, dedupe: 'all' }, rights: 'mode and owner' },
  'dedupe with a window, an ACL': { options: { rotate, dedupe: { window: 100 } }, rights: 'ACL' },
};

const idsOf = (file: string) =>
  filesOf(file)
    .flatMap(eventsOf)
    .map(({ eventId }) => eventId);

/** The rights of a file, but for its ACL. */
function rightsOf(path: string): string {
  const { mode, uid, gid } = statSync(path);
  return [(mode & 0o7777).toString(8), uid, gid].join(' ');
}

/** A chronicle whose next append rotates, and then removes the oldest file; in a process that is watched. */
class Rotation {
  readonly file: string;
  readonly rights: string;

  private constructor(
    readonly way: Way,
    readonly calls: SystemCalls,
    readonly process: ChronicleProcess,
    /** Of the first event that stays. */
    readonly position: string,
    file: string,
  ) {
    this.file = file;
    this.rights = rightsOf(file);
  }

  static async begin(way: Way, directory: string): Promise<Rotation> {
    const file = join(directory, 'chronicle');
    writeFileSync(file, '');
    chmodSync(file, 0o640);
    if (isRoot) chownSync(file, 1234, 2345);
    if (way.rights === 'ACL' && withoutAcls === undefined) await setAcl(file, acl);
    const calls = await SystemCalls.under(directory);
    const process = await ChronicleProcess.open(file, way.options, { env: calls.env });
    for (const eventId of ['a', 'b', 'c']) await process.append(event(eventId));
    const reader = await openChronicle(file);
    const [, second] = await reader.toArray();
    await reader.close();
    return new Rotation(way, calls, process, second?.position as string, file);
  }

  /** What is wrong while nobody writes. */
  async findings(mayHave: string): Promise<string[]> {
    const { file, rights, position } = this;
    const found: string[] = [];
    if (!existsSync(file)) return ['the path names no file'];
    const ids = idsOf(file);
    if (!['a b c', 'b c', 'a b c d', 'b c d'].includes(ids.join(' ')))
      found.push(`there are ${ids.join(' ')}`);
    if (ids.includes('d') && mayHave !== 'd') found.push('d was refused, and is there');
    for (const path of filesOf(file)) {
      if (rightsOf(path) !== rights) found.push(`${path} has ${rightsOf(path)} in place of ${rights}`);
    }
    for (const name of readdirSync(dirname(file))) {
      if ((statSync(join(dirname(file), name)).mode & 0o7) !== 0) found.push(`all may read ${name}`);
    }
    const reader = await openChronicle(file);
    try {
      const after = (await reader.toArray({ after: position })).map(({ event }) => event.eventId);
      const expected = ids.slice(ids.indexOf('c'));
      if (after.join() !== expected.join())
        found.push(`after b, a reader got ${after} in place of ${expected}`);
    } finally {
      await reader.close();
    }
    return found;
  }

  /** Sends everything again, and more, as the next writer does; and looks at what is left. */
  async goOn(): Promise<string[]> {
    const { file, way, rights } = this;
    const found: string[] = [];
    const chronicle = await openChronicle(file, { ...way.options, lockTimeout: 60_000 });
    for (const eventId of ['b', 'c']) {
      if (!(await chronicle.append(event(eventId))).duplicate) found.push(`${eventId} was written again`);
    }
    for (const eventId of ['d', 'e', 'f']) await chronicle.append(event(eventId));
    await chronicle.close();
    const kept = filesOf(file).map((path) => eventsOf(path).map(({ eventId }) => eventId));
    // A rotation that failed left d behind c, in one file (C13).
    if (!['d, e, f', 'c d, e, f'].includes(kept.map((ids) => ids.join(' ')).join(', ')))
      found.push(`at the end there are ${JSON.stringify(kept)}`);
    for (const path of filesOf(file)) {
      if (rightsOf(path) !== rights) found.push(`at the end, ${path} has ${rightsOf(path)}`);
      if (statSync(path).nlink !== 1) found.push(`at the end, ${path} has another name`);
      const given = way.rights === 'ACL' && withoutAcls === undefined ? await aclOf(path) : acl;
      if (given.join() !== acl.join()) found.push(`at the end, ${path} has the ACL ${given}`);
    }
    const left = readdirSync(dirname(file)).filter((name) => name.endsWith('.tmp'));
    if (left.length > 0) found.push(`${left} is left`);
    return found;
  }
}

/** Calls `at` in place of the n-th call of the next append; whether there were as many. */
async function atCall(
  { calls, process }: Rotation,
  n: number,
  at: (call: Call) => Answer | Promise<Answer>,
): Promise<{ reached: boolean; error: RemoteError | undefined }> {
  let count = 0;
  calls.answerAll((call) => (++count === n ? at(call) : 'go'));
  const error = await process.append(event('d')).then(
    () => undefined,
    (reason) => reason as RemoteError,
  );
  calls.letGo();
  return { reached: count >= n, error };
}

type Try = (rotation: Rotation, n: number) => Promise<{ reached: boolean; findings: string[] }>;

const tries: Record<string, Try> = {
  'a kill before each call': async (rotation, n) => {
    const { reached } = await atCall(rotation, n, () => {
      void rotation.process.kill();
      return new Promise<Answer>(() => {});
    });
    await rotation.process.kill();
    return { reached, findings: await rotation.findings('d') };
  },
  'a full disk at each call': async (rotation, n) => {
    let what = '';
    const { reached, error } = await atCall(rotation, n, ({ name, path }) => {
      what = `${name} ${path}`;
      return { fail: 'ENOSPC' };
    });
    const mayHave = error === undefined || error.outcomeUnknown ? 'd' : '';
    const findings = (await rotation.findings(mayHave)).map((finding) => `${what}: ${finding}`);
    await rotation.process.kill();
    return { reached, findings };
  },
};

describe.skipIf(unwatchable)('every step of a rotation', () => {
  for (const [what, attempt] of Object.entries(tries)) {
    for (const [name, way] of Object.entries(ways)) {
      prove('rotation', `${what}: ${name}`, { quick: 6, full: 1000, unit: 'rotations' }, async (tally) => {
        const random = new Random();
        const directory = temporaryDirectory(way.rights === 'ACL' ? undefined : memory);
        let reached = 0;
        for (let n = 1; tally.hasBudget; tally.count++, n++) {
          const own = join(directory, `${tally.count}`);
          mkdirSync(own);
          const rotation = await Rotation.begin(way, own);
          // In full one after the other, until there is no such call any more.
          const at = inFull ? n : 1 + random.below(60);
          const result = await attempt(rotation, at);
          expect([...result.findings, ...(await rotation.goOn())], `at call ${at}`).toEqual([]);
          rmSync(own, { recursive: true });
          if (result.reached) reached++;
          else if (inFull) break;
        }
        expect(reached).toBeGreaterThan(0);
        tally.found = `nothing (${reached} calls)`;
      });
    }
  }
});
