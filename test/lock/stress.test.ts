/**
 * Exclusion under stress: processes x worker threads x calls, that wait and that block, with random holds,
 * timeouts, aborts, renames, removals, kills, and programs that are started meanwhile.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { type Holding, overlaps, parseHistory } from '../support/lock-history.js';
import { Program } from '../support/processes.js';

describe('the checker of histories', () => {
  const held = (holder: string, mode: string, from: bigint, to?: bigint): Holding => ({
    holder,
    mode,
    from,
    to,
  });

  it('finds overlaps of exclusive locks, and of an exclusive one with a shared one', () => {
    expect(overlaps([held('a', 'exclusive', 1n, 5n), held('b', 'exclusive', 4n, 6n)])).toHaveLength(1);
    expect(
      overlaps([held('a', 'shared', 1n, 9n), held('b', 'shared', 2n, 3n), held('c', 'exclusive', 5n, 6n)]),
    ).toHaveLength(1);
    expect(overlaps([held('a', 'exclusive', 1n, 9n), held('killed', 'exclusive', 5n)])).toHaveLength(1);
    expect(overlaps(parseHistory('+ a exclusive 1\n+ b exclusive 2\n- a 3\n- b 4\n'))).toHaveLength(1);
  });

  it('lets pass what excludes nobody', () => {
    expect(overlaps([held('a', 'shared', 1n, 5n), held('b', 'shared', 2n, 6n)])).toEqual([]);
    expect(overlaps([held('a', 'exclusive', 1n, 5n), held('b', 'exclusive', 5n, 6n)])).toEqual([]);
    expect(overlaps([held('killed', 'exclusive', 1n), held('b', 'exclusive', 2n, 6n)])).toEqual([]);
    const told = '+ a exclusive 1\n+ b exclusive 2\n- a 3 told\n- b 4\n';
    expect(overlaps(parseHistory(told))).toEqual([]);
  });
});

/** Where others work on the machine too, all of this takes a while. */
const timeout = 240_000;

describe('L1, L3, L6, L9 under stress', () => {
  it('has no overlap, no lost wake-up and no late grant that is kept', { timeout }, async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const history = join(directory, 'history');
    mkdirSync(history);
    const read = () =>
      readdirSync(history)
        .map((name) => readFileSync(join(history, name), 'utf8'))
        .join('');
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`seed ${seed}`);
    const start = (index: number) => {
      const settings = { file, history, threads: 3, calls: 4, rounds: 30, seed: seed + index };
      return new Program('contender', JSON.stringify(settings));
    };
    const survivors = Array.from({ length: 3 }, (_, index) => start(index));
    for (let kill = 0; kill < 4; kill++) {
      const victim = start(100 + kill);
      // Alive once it has held the lock; then it dies wherever it happens to be.
      const mine = new RegExp(`^\\+ ${victim.pid}\\.`, 'm');
      let ended = false;
      victim.exited.then(() => {
        ended = true;
      });
      while (!ended && !mine.test(read())) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(ended).toBe(false);
      await victim.kill();
    }
    // A lost wake-up would leave one of them waiting for ever.
    for (const survivor of survivors) expect(await survivor.next()).toEqual({ done: true });
    // They are still there, so a late grant that one of them keeps would be in the way.
    expect(await tryLock(file)).not.toBeNull();
    const holdings = parseHistory(read());
    expect(holdings.length).toBeGreaterThan(300);
    expect(overlaps(holdings)).toEqual([]);
  });

  it('has no overlap that a holder was not told of, where others remove the file', { timeout }, async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    const history = join(directory, 'history');
    mkdirSync(history);
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`seed ${seed}`);
    const contenders = Array.from({ length: 2 }, (_, index) => {
      const settings = { file, history, threads: 2, calls: 4, rounds: 20, seed: seed + index, removes: true };
      return new Program('contender', JSON.stringify(settings));
    });
    for (const contender of contenders) expect(await contender.next()).toEqual({ done: true });
    expect(await tryLock(file)).not.toBeNull();
    const text = readdirSync(history).map((name) => readFileSync(join(history, name), 'utf8'));
    const holdings = parseHistory(text.join(''));
    expect(holdings.filter(({ told }) => told).length).toBeGreaterThan(5);
    expect(overlaps(holdings)).toEqual([]);
  });
});
