/**
 * L3: a thread that blocks does not wait for what only it can receive, or hand on. In processes of their own, which would
 * hang.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { within } from '../support/blocking.js';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';

function start(scenario: string): { directory: string; program: Program } {
  const directory = temporaryDirectory();
  return { directory, program: new Program('own-waits', scenario, directory) };
}

function answerTo(scenario: string): Promise<unknown> {
  return within(start(scenario).program.next(), scenario);
}

describe.skipIf(process.platform !== 'linux')('L3: a blocking call comes before', () => {
  it.each([
    'a grant for the same path',
    'a wait that has just begun',
    'a grant, and a deadline',
    'a grant, and a single try',
    'a grant, and tryLockSync',
    'a lock of a call that was free, and has not told so',
    'a lock of a single try that has not told so',
    'a shared grant',
    'a shared grant, and a deadline',
    'a grant by another name of the file',
    'a grant by a descriptor',
    'a grant of a range',
    'a pending upgrade',
    'a signal handler',
    'appendSync',
    'appendSync, and a shared grant',
  ])('%s of its own thread, which is served after it', async (scenario) => {
    expect(await answerTo(scenario)).toEqual({ result: { held: true, next: true } });
  });

  it('all waits of its own thread, which keep their order', async () => {
    expect(await answerTo('ten waits')).toEqual({
      result: { order: ['blocking', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
    });
  });

  it('a grant, also in an exit handler', async () => {
    const { directory, program } = start('an exit handler');
    expect(await within(program.exited, 'the process ends')).toBe(0);
    expect(readFileSync(join(directory, 'result'), 'utf8')).toBe('{"held":true}');
  });

  it.each([
    'an append at the end',
    'an append at the end, and a wait that has just begun',
    'an append at the end, and a call for a free lock',
  ])('own waits: %s is written', async (scenario) => {
    const { directory, program } = start(scenario);
    expect(await within(program.exited, 'the process ends')).toBe(0);
    expect(readFileSync(join(directory, 'file'), 'utf8')).toContain('"last":"word"');
  });
});

describe.skipIf(process.platform !== 'linux')('L3: a blocking call fails at once', () => {
  it.each([
    'a lock of its own',
    'a lock of its own, and a deadline',
    'a shared lock of its own',
    'a lock of its own by another name',
    'a lock of its own by a descriptor',
    'a range of its own',
    'a lock of its own, behind another thread that waits for it',
    'a lock of its own, and appendSync',
  ])('for %s', async (scenario) => {
    expect(await answerTo(scenario)).toEqual({
      code: 'EDEADLK',
      message: expect.stringMatching(/^EDEADLK: this thread holds the lock on '.*' itself/),
    });
  });

  it.each(['another shared lock, behind another thread that waits', 'a range beside its own'])(
    'but not for %s',
    async (scenario) => {
      expect(await answerTo(scenario)).toEqual({ result: { held: true, next: true } });
    },
  );
});
