/**
 * What happens when the system itself does not answer, or not as usual. The calls are held and failed by
 * test/native/probe.cc.
 */
import { join } from 'node:path';
import { lock, tryLock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';
import { type HeldCall, SystemCalls, unwatchable } from '../support/system-calls.js';

async function lockerUnder(directory: string): Promise<{ calls: SystemCalls; locker: Program }> {
  const calls = await SystemCalls.under(directory);
  const locker = new Program({ name: 'locker', env: calls.env });
  await locker.next();
  return { calls, locker };
}

/**
 * Has `locker` ask for a lock, again until its call `held` is reached before the deadline, which a busy machine may let
 * pass earlier. Resolves to the call, and to the answer of the request.
 */
async function reached(
  locker: Program,
  held: Promise<HeldCall>,
  request: object,
): Promise<{ call: HeldCall; answered: Promise<unknown> }> {
  for (;;) {
    locker.send({ ...request, options: { timeout: 20 } });
    const answered = locker.next();
    const call = await Promise.race([held, answered.then(() => undefined)]);
    if (call) return { call, answered };
  }
}

// A held call goes on waiting whatever signals come: as on a hung NFS server.
describe.skipIf(unwatchable !== undefined)('L3 on a call that no signal ends', () => {
  it.each(['lock', 'lockSync'])(
    '%s() ends at its deadline, and the late grant is released unseen',
    async (command) => {
      const directory = temporaryDirectory();
      const file = join(directory, 'file');
      const { calls, locker } = await lockerUnder(directory);
      const { call, answered } = await reached(locker, calls.hold('flock file'), { command, file });
      expect(await answered).toMatchObject({ error: { code: 'ELOCK_TIMEOUT' } });
      const granted = calls.hold('stat file'); // what it does next, with the lock
      call.answer('go');
      const check = await granted;
      expect(await tryLock(file)).toBeNull();
      check.answer('go');
      // If the process kept the lock, this would wait for ever.
      (await lock(file)).releaseSync();
      expect(await locker.ask({ command: 'tryLock', file })).toEqual({ held: true });
    },
  );

  it('a file that cannot even be opened does not hold up the locks on others', async () => {
    const directory = temporaryDirectory();
    const { calls, locker } = await lockerUnder(directory);
    const request = { command: 'lock', file: join(directory, 'file') };
    const { call, answered } = await reached(locker, calls.hold('open file'), request);
    locker.send({ command: 'lock', file: join(directory, 'other') });
    const answers = [await answered, await locker.next()];
    expect(answers).toContainEqual({ held: true });
    expect(answers).toContainEqual({ error: expect.objectContaining({ code: 'ELOCK_TIMEOUT' }) });
    call.answer('go');
  });
});

describe.skipIf(unwatchable !== undefined)('a kernel without open file description locks', () => {
  it('gets flock in their place for the whole file, with a warning', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const { calls, locker } = await lockerUnder(directory);
    calls.answer('fcntl file', { fail: 'EINVAL' }, true);
    expect(await locker.ask({ command: 'lock', file, options: { kind: 'fcntl' } })).toEqual({ held: true });
    expect(await tryLock(file)).toBeNull();
    expect(await locker.ask({ command: 'warnings' })).toEqual({ warnings: ['HOLDFAST_FLOCK_FOR_FCNTL'] });
  });

  it('refuses a range, which flock cannot lock', async () => {
    const directory = temporaryDirectory();
    const { calls, locker } = await lockerUnder(directory);
    calls.answer('fcntl file', { fail: 'EINVAL' }, true);
    const options = { kind: 'fcntl', range: { start: 1 } };
    const answer = await locker.ask({ command: 'lock', file: join(directory, 'file'), options });
    expect(answer).toMatchObject({ error: { code: 'EINVAL' } });
  });
});

// Nobody knows then whether a call on it may hang; so none is made on the event loop's thread.
describe.skipIf(unwatchable !== undefined)('a file system that does not say what it is', () => {
  it.each(['fstatfs file', 'statfs .'])(
    '%s: counts as remote, and is locked by a helper thread',
    async (call) => {
      const directory = temporaryDirectory();
      const file = join(directory, 'file');
      const { calls, locker } = await lockerUnder(directory);
      calls.answer(call, { fail: 'EIO' }, true);
      expect(await locker.ask({ command: 'lock', file })).toEqual({ held: true });
      const { call: hung, answered } = await reached(locker, calls.hold('open file'), {
        command: 'lock',
        file,
      });
      expect(await answered).toMatchObject({ error: { code: 'ELOCK_TIMEOUT' } });
      hung.answer('go');
    },
  );
});

describe.skipIf(unwatchable !== undefined)('errors of the system', () => {
  it.each(['ENOLCK', 'EIO', 'EMFILE'] as const)('%s keeps its code', async (code) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const { calls, locker } = await lockerUnder(directory);
    calls.answer(code === 'EMFILE' ? 'open file' : 'flock file', { fail: code });
    expect(await locker.ask({ command: 'lock', file })).toMatchObject({ error: { code } });
    expect(await locker.ask({ command: 'lock', file })).toEqual({ held: true });
  });
});
