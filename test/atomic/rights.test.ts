/**
 * C12 and S1: what takes a file's place, and what stands beside a chronicle, has the rights of the old file, and
 * is never open to anybody who could not open that.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { appendEvent, openChronicle, repairChronicle, writeFileAtomic } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { aclOf, setAcl, withoutAcls } from '../support/acl.js';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';

const isRoot = process.getuid?.() === 0;
const isPosix = process.platform !== 'win32';
const damaged = '{"eventId":"a"}\nnot json\n{"eventId":"b"}\n';

function oldFile(): { directory: string; file: string } {
  const directory = temporaryDirectory();
  const file = join(directory, 'file');
  writeFileSync(file, damaged);
  return { directory, file };
}

const rightsOf = (file: string) => {
  const { mode, uid, gid } = lstatSync(file);
  return { mode: (mode & 0o7777).toString(8), uid, gid };
};

/** What makes new files out of an old one, and their names. */
const makers: [string, (file: string) => Promise<unknown>, string[]][] = [
  ['writeFileAtomic', (file) => writeFileAtomic(file, 'new'), ['']],
  ['repair', (file) => repairChronicle(file), ['', '.damaged']],
  [
    "dedupe: 'all'",
    async (file) => {
      await using chronicle = await openChronicle(file, { dedupe: 'all', onCorrupt: 'skip' });
      await chronicle.append({ eventId: 'c' });
    },
    ['.ids'],
  ],
];

describe.skipIf(!isPosix).each(makers)('C12, S1: %s', (_, make, suffixes) => {
  // Before: 4755 and 2770 were passed on, to whatever was written.
  it.each([0o4755, 0o2770, 0o1644, 0o6711])('never passes set-id and sticky bits on: %o', async (mode) => {
    const { file } = oldFile();
    chmodSync(file, mode);
    await make(file);
    for (const suffix of suffixes) {
      expect(rightsOf(file + suffix).mode, suffix).toBe((mode & 0o777).toString(8));
    }
  });

  // Before: the file of ids had the mode, but not the group.
  it.runIf(isRoot).each([0o640, 0o660, 0o600])('gives owner, group and mode %o on', async (mode) => {
    const { file } = oldFile();
    chownSync(file, 1234, 2345);
    chmodSync(file, mode);
    await make(file);
    for (const suffix of suffixes) {
      expect(rightsOf(file + suffix), suffix).toEqual({ mode: mode.toString(8), uid: 1234, gid: 2345 });
    }
  });

  // Before: the mask, which stands in the place of the group's permissions, became those of the group.
  it
    .skipIf(withoutAcls !== undefined)
    .each([
      [['u::rw', 'u:65534:rw', 'g::-', 'm::rw', 'o::-']],
      [['u::rw', 'g::r', 'g:2345:rw', 'm::r', 'o::-']],
      [['u::rw', 'u:1234:r', 'g::-', 'g:2345:-', 'm::rw', 'o::r']],
    ])('gives the ACL on: %j', async (acl) => {
    const { file } = oldFile();
    await setAcl(file, acl);
    await make(file);
    for (const suffix of suffixes) expect(await aclOf(file + suffix), suffix).toEqual(acl);
  });

  it.skipIf(withoutAcls !== undefined)('takes none from the default ACL of the directory', async () => {
    const { directory, file } = oldFile();
    chmodSync(file, 0o640);
    await setAcl(directory, ['u::rwx', 'u:65534:rwx', 'g::rwx', 'm::rwx', 'o::-'], 'default');
    await make(file);
    for (const suffix of suffixes) {
      expect(await aclOf(file + suffix), suffix).toEqual([]);
      expect(rightsOf(file + suffix).mode, suffix).toBe('640');
    }
  });
});

describe.runIf(isRoot)('S1: where the rights cannot be given, the new file has less', () => {
  async function asAnotherUser(prepare: (file: string) => void | Promise<void>): Promise<string> {
    const { directory, file } = oldFile();
    chmodSync(directory, 0o777);
    await prepare(file);
    const other = new ChronicleProcess();
    await other.ask('setuid', 3456);
    await other.ask('writeFileAtomic', file, 'new');
    return file;
  }

  it.each([
    [0o604, 0o600], // members of the old group, who were shut out, are among the others now
    [0o640, 0o600],
    [0o674, 0o644],
    [0o666, 0o666],
  ])('mode %o without the group becomes %o', async (mode, expected) => {
    const file = await asAnotherUser((old) => {
      chownSync(old, 1234, 2345);
      chmodSync(old, mode);
    });
    expect(rightsOf(file)).toEqual({ mode: expected.toString(8), uid: 3456, gid: 0 });
  });

  it.skipIf(withoutAcls !== undefined)(
    'with an ACL without its group, it is open to its owner alone',
    async () => {
      const file = await asAnotherUser(async (old) => {
        chownSync(old, 1234, 2345);
        await setAcl(old, ['u::rw', 'u:65534:rw', 'g::r', 'm::rw', 'o::r']);
      });
      expect(await aclOf(file)).toEqual([]);
      expect(rightsOf(file).mode).toBe('600');
    },
  );

  it.skipIf(withoutAcls !== undefined)('the ACL is given on by who may not read the file', async () => {
    const acl = ['u::rw', 'u:65534:rw', 'g::-', 'm::rw', 'o::-'];
    const file = await asAnotherUser(async (old) => {
      chownSync(old, 1234, 0);
      await setAcl(old, acl);
    });
    expect(await aclOf(file)).toEqual(acl);
  });
});

describe.runIf(isRoot)('S2: a file of ids that more may write to than to the chronicle', () => {
  it.each([0o666, 0o622])('is not believed, and made anew: mode %o', async (mode) => {
    const { file } = oldFile();
    const append = async (eventId: string) => {
      await using chronicle = await openChronicle(file, { dedupe: 'all', onCorrupt: 'skip' });
      return chronicle.append({ eventId });
    };
    await append('c');
    const forged = readFileSync(`${file}.ids`);
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"eventId":"d"}\n`);
    chmodSync(`${file}.ids`, mode);
    expect(await append('d')).toMatchObject({ duplicate: true });
    expect(rightsOf(`${file}.ids`).mode).toBe(rightsOf(file).mode);
    expect(readFileSync(`${file}.ids`).equals(forged)).toBe(false);
  });
});

describe.runIf(isRoot)('S1: root beside a user who keeps giving the name to other files', () => {
  const user = 65534;

  async function attacked(): Promise<{ file: string; program: string; attacker: Program }> {
    const directory = temporaryDirectory();
    const programs = join(directory, 'programs');
    const shared = join(directory, 'shared');
    for (const made of [directory, programs, shared]) {
      if (!existsSync(made)) mkdirSync(made);
      chmodSync(made, 0o755);
    }
    chownSync(shared, user, user);
    const program = join(programs, 'program');
    writeFileSync(program, 'a program of root\n');
    chmodSync(program, 0o4755);
    const file = join(shared, 'file');
    const attacker = new Program('flipping-user', `${user}`, file, program);
    await attacker.next();
    return { file, program, attacker };
  }

  // Before: within some hundred calls a file with the user's content was root's, and set-user-ID.
  it.each<[string, number, (file: string) => Promise<unknown>]>([
    ['writeFileAtomic', 400, (file) => writeFileAtomic(file, 'new', { durability: 'none' })],
    // It begins again whenever the file was changed: a round is some hundred attempts.
    ['repair', 60, (file) => repairChronicle(file, { durability: 'none', lockTimeout: 100, force: true })],
  ])('%s passes no set-user-ID bit on, and touches no file elsewhere', async (_, rounds, call) => {
    const { file, program, attacker } = await attacked();
    let done = 0;
    // At least once it is done, and not only refused.
    for (let round = 0; round < rounds || done === 0; round++) {
      await call(file).then(
        () => done++,
        (error) => expect(error).toMatchObject({ code: expect.stringMatching(/^E/) }),
      );
      for (const name of readdirSync(join(file, '..'))) {
        const path = join(file, '..', name);
        // What the user himself links to is the program itself.
        const stats = lstatSync(path, { throwIfNoEntry: false });
        if (stats?.isFile() && stats.ino !== statSync(program).ino) expect(stats.mode & 0o7000).toBe(0);
      }
    }
    await attacker.kill();
    expect(done).toBeGreaterThan(0);
    expect(readFileSync(program, 'utf8')).toBe('a program of root\n');
    expect(statSync(program).mode & 0o7777).toBe(0o4755);
  });

  // Before: whoever put a link there chose which file of the system root wrote to.
  it.each<[string, (path: string) => Promise<unknown>]>([
    ['writeFileAtomic', (path) => writeFileAtomic(path, '{"eventId":"new"}\n')],
    ['an append', (path) => appendEvent(path, { eventId: 'new' })],
    ['a rotating append', (path) => appendEvent(path, { eventId: 'new' }, { rotate: { maxBytes: 1 } })],
    ['repair', (path) => repairChronicle(path)],
  ])("%s does not follow the user's link, and follows its own", async (name, call) => {
    const { directory, file } = oldFile();
    const names = ['theirs', 'to nothing', 'of theirs', 'ours'].map((name) => join(directory, name));
    const [theirs = '', toNothing = '', ofTheirs = '', ours = ''] = names;
    symlinkSync(file, theirs);
    symlinkSync(join(directory, 'nothing'), toNothing);
    for (const link of [theirs, toNothing]) lchownSync(link, user, user);
    symlinkSync(theirs, ofTheirs);
    symlinkSync(file, ours);
    for (const [link, met] of [
      [theirs, theirs],
      [ofTheirs, theirs],
      [toNothing, toNothing],
    ] as const) {
      // What is repaired is opened for reading first.
      const cause =
        name === 'repair' && link === toNothing ? { code: 'ENOENT' } : { code: 'EACCES', path: met };
      await expect(call(link)).rejects.toMatchObject({ code: 'EIO', cause });
    }
    expect(readFileSync(file, 'utf8')).toBe(damaged);
    expect(existsSync(join(directory, 'nothing'))).toBe(false);
    await call(ours);
    expect(readFileSync(file, 'utf8')).not.toBe(damaged);
  });
});
