/**
 * One sync for all processes: a sync that began after a write covers it, whoever makes it; and whatever
 * becomes of who makes it, nothing is acknowledged that is not durable.
 */
import { statfsSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChronicleOptions, type JsonObject, lock, lockHolders } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { type HeldCall, SystemCalls, unwatchable } from '../support/system-calls.js';

const F_OFD_SETLKW = 38; // of Linux

/** A process that appends, with its system calls. */
interface Writer {
  readonly process: ChronicleProcess;
  readonly calls: SystemCalls;
  /** How many syncs of the chronicle it has begun. */
  syncs(): number;
}

async function writersOf(count: number, options: ChronicleOptions = {}) {
  const directory = temporaryDirectory();
  const file = join(directory, 'chronicle');
  const writers: Writer[] = [];
  for (let index = 0; index < count; index++) {
    const calls = await SystemCalls.under(directory);
    const process = await ChronicleProcess.open(file, options, { env: calls.env });
    const syncs = () => calls.made.filter((call) => call === 'fdatasync chronicle').length;
    writers.push({ process, calls, syncs });
  }
  // Each has seen that others append as well.
  for (let round = 0; round < 2; round++) {
    for (const [index, { process }] of writers.entries()) {
      await process.append({ eventId: `before ${round}.${index}` });
    }
  }
  return { file, writers: writers as [Writer, Writer, Writer] };
}

/** Until the process is about to wait for the sync of another, or needs no wait. */
function waits({ calls }: Writer, appended: Promise<unknown>): Promise<unknown> {
  const reached = new Promise<void>((resolve) => {
    calls.answerAll(({ name, argument }) => {
      if (name === 'fcntl' && argument === F_OFD_SETLKW) resolve();
      return 'go';
    });
  });
  return Promise.race([reached, appended.catch(() => {})]);
}

/** The first writer is inside its sync, the second waits to sync after it, and the third for that. */
async function queue([first, second, third]: readonly [Writer, Writer, Writer], name: string) {
  const event = (of: string): JsonObject => ({ eventId: `${name}, ${of}` });
  const reached = first.calls.hold('fdatasync chronicle');
  const leading = first.process.append(event('first'));
  const sync: HeldCall = await reached;
  const next = second.process.append(event('second'));
  await waits(second, next);
  const covered = third.process.append(event('third'));
  await waits(third, covered);
  return { sync, leading, next, covered };
}

/** ext4, XFS, Btrfs, F2FS and tmpfs: see native/os/file_posix.cc. */
const sharing = [0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994];
const isShared = !unwatchable && sharing.includes(statfsSync(tmpdir()).type);

describe.skipIf(!isShared)('one sync for several processes', () => {
  it('covers what was written before it began, and not what was written while it went on', async () => {
    const { file, writers } = await writersOf(3);
    let turns = 0;
    // Who waits too long syncs for himself, which a busy machine may bring about.
    for (let shared = false; !shared; turns++) {
      const before = writers.map(({ syncs }) => syncs());
      const { sync, leading, next, covered } = await queue(writers, `turn ${turns}`);
      sync.answer('go');
      await Promise.all([leading, next, covered]);
      const [first, second, third] = writers.map(({ syncs }, index) => syncs() - (before[index] as number));
      expect(first).toBe(1);
      expect((second as number) + (third as number)).toBeGreaterThanOrEqual(1);
      shared = (second as number) + (third as number) === 1;
    }
    expect(countIds(eventsOf(file)).size).toBe(6 + turns * 3);
  });

  it('of a process that is killed in it covers nothing, and nobody waits on', async () => {
    const { file, writers } = await writersOf(3);
    const before = writers[1].syncs() + writers[2].syncs();
    const { leading, next, covered } = await queue(writers, 'killed');
    const lost = expect(leading).rejects.toThrow();
    await writers[0].process.kill();
    await Promise.all([next, covered, lost]);
    expect(writers[1].syncs() + writers[2].syncs()).toBeGreaterThan(before);
    expect(eventsOf(file).map(({ eventId }) => eventId)).toContain('killed, third');
  });

  it('of a process that is stopped in it keeps nobody for long', async () => {
    const { file, writers } = await writersOf(3);
    const [first, second, third] = writers;
    const { sync, leading, next, covered } = await queue(writers, 'stopped');
    process.kill(first.process.pid, 'SIGSTOP');
    await Promise.all([next, covered]);
    for (let index = 0; index < 20; index++) {
      await Promise.all(
        [second, third].map(({ process }, of) => process.append({ eventId: `meanwhile ${index}.${of}` })),
      );
    }
    process.kill(first.process.pid, 'SIGCONT');
    sync.answer('go');
    await leading;
    expect(countIds(eventsOf(file)).size).toBe(6 + 3 + 40);
  });

  it('that fails acknowledges nobody: who waited for it syncs for himself', async () => {
    const { writers } = await writersOf(3);
    const [, second, third] = writers;
    const { sync, leading, next, covered } = await queue(writers, 'failed');
    const before = third.syncs();
    second.calls.answerAll(({ name, path }) =>
      name === 'fdatasync' && path === 'chronicle' ? { fail: 'EIO' } : 'go',
    );
    const failed = expect(next).rejects.toMatchObject({ code: 'EIO', outcomeUnknown: true });
    sync.answer('go');
    await Promise.all([leading, covered, failed]);
    expect(third.syncs()).toBeGreaterThan(before);
  });

  it('tells who is covered of a write of his own that was lost, and poisons his handle', async () => {
    const { writers } = await writersOf(3);
    const [first, second, third] = writers;
    for (let turn = 0, told = false; !told; turn++) {
      const { sync, leading, next, covered } = await queue(writers, `turn ${turn}`);
      for (const { calls } of [second, third]) {
        calls.answerAll(({ name }) => (name === 'sync_file_range' ? { fail: 'EIO' } : 'go'));
      }
      sync.answer('go');
      const outcomes = await Promise.allSettled([next, covered]);
      await leading;
      told = outcomes.some(({ status }) => status === 'rejected');
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status !== 'rejected') continue;
        const cause = { code: 'EIO', syscall: 'sync_file_range' };
        expect(outcome.reason).toMatchObject({ code: 'EIO', outcomeUnknown: true, cause });
        const { process } = index === 0 ? second : third;
        await expect(process.append({})).rejects.toMatchObject({ code: 'EIO', outcomeUnknown: false, cause });
      }
    }
    await first.process.append({});
  });

  it.each([
    ['as it is', {}, () => {}],
    ['truncated by others', {}, (file: string) => truncateSync(file, 0)],
    ['rotated', { rotate: { maxBytes: 100 } }, () => {}],
  ])(
    'is never one that is over already: each of several syncs in turn, of a file %s',
    async (_, options, harm) => {
      const { file, writers } = await writersOf(3, options);
      for (let turn = 0; turn < 6; turn++) {
        harm(file);
        for (const { process, syncs } of writers) {
          const before = syncs();
          await process.append({ eventId: `in turn ${turn}, ${process.pid}` });
          expect(syncs()).toBeGreaterThan(before);
        }
      }
    },
  );

  it('needs no lock on the file that who only reads it could keep, and waits for none', async () => {
    const { file, writers } = await writersOf(3);
    for (const mode of ['shared', 'exclusive'] as const) {
      // Granted, because nothing stays locked where nobody appends for a while.
      const whole = await lock(file, { kind: 'fcntl', mode, timeout: 60_000 });
      const before = writers.map(({ syncs }) => syncs());
      for (let turn = 0; turn < 5; turn++) {
        await Promise.all(
          writers.map(({ process }, of) => process.append({ eventId: `${mode} ${turn}.${of}` })),
        );
      }
      for (const [index, { syncs }] of writers.entries()) expect(syncs() - (before[index] as number)).toBe(5);
      await whole.release();
    }
  });

  it('makes nobody a holder of the lock, though he says something by locks', async () => {
    const { file, writers } = await writersOf(3);
    for (let turn = 0; turn < 3; turn++) {
      await Promise.all(writers.map(({ process }, of) => process.append({ eventId: `${turn}.${of}` })));
      expect(await lockHolders(file)).toEqual([]);
    }
    const held = await lock(file);
    await Promise.all([lockHolders(file), lockHolders(file)]);
    expect((await lockHolders(file)).map(({ pid }) => pid)).toEqual([process.pid]);
    await held.release();
  });

  it.each(['ENOSYS', 'EPERM', 'EINVAL'] as const)(
    'is not relied upon where a lost write cannot be asked for (%s)',
    async (fail) => {
      const { file, writers } = await writersOf(3);
      const { sync, leading, next, covered } = await queue(writers, 'refused');
      for (const { calls } of writers) {
        calls.answerAll(({ name }) => (name === 'sync_file_range' ? { fail } : 'go'));
      }
      sync.answer('go');
      await Promise.all([leading, next, covered]);
      for (let turn = 0; turn < 5; turn++) {
        await Promise.all(writers.map(({ process }, of) => process.append({ eventId: `${turn}.${of}` })));
      }
      expect(countIds(eventsOf(file)).size).toBe(6 + 3 + 15);
    },
  );

  it('costs who appends alone nothing', async () => {
    const { writers } = await writersOf(1);
    for (let index = 0; index < 5; index++) await writers[0].process.append({});
    expect(writers[0].calls.made.filter((call) => /^(fcntl|sync_file_range) /.test(call))).toEqual([]);
  });
});
