/**
 * Followers beside writers that rotate and keep a few files, gzip that compresses what was rotated, and repairs, all at
 * once: each event of each caller comes once and in order, or a gap was reported before the place where some are missing.
 */
import { execFile } from 'node:child_process';
import { appendFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ChronicleOptions, lock, openChronicle, repairChronicle } from 'holdfast';
import { describe, expect } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';
import { prove, Random } from './prove.js';

const run = promisify(execFile);
const first = 'begin';
const last = 'end';

interface Message {
  readonly event?: string;
  readonly gap?: object;
}

interface Round {
  readonly keep: number | undefined;
  readonly compresses: boolean;
  readonly repairs: boolean;
}

/** What a follower got, checked as it comes. */
class Delivery {
  readonly findings: string[] = [];
  gaps = 0;
  events = 0;
  /** Of each caller, the number of the last event, and how many gaps were reported until it. */
  readonly #seen = new Map<string, { number: number; gaps: number }>();

  take({ event, gap }: Message): void {
    if (gap) this.gaps++;
    if (event === undefined || event === first || event === last) return;
    this.events++;
    const dot = event.lastIndexOf('.');
    const [caller, number] = [event.slice(0, dot), Number(event.slice(dot + 1))];
    const before = this.#seen.get(caller) ?? { number: -1, gaps: 0 };
    if (number <= before.number) this.findings.push(`${event} came after ${caller}.${before.number}`);
    const isReported = this.gaps > before.gaps;
    if (number > before.number + 1 && !isReported)
      this.findings.push(`${caller}.${before.number + 1} to ${event} are missing, and nothing was reported`);
    this.#seen.set(caller, { number, gaps: this.gaps });
  }

  /** What is missing of all that was acknowledged. */
  missing(callers: readonly string[], count: number): string[] {
    const seen = (caller: string) => this.#seen.get(caller)?.number ?? -1;
    return callers.filter((caller) => this.gaps === 0 && seen(caller) !== count - 1);
  }
}

/** Follows until the last event has come. `silent`: what it says of gaps is not listened to. */
async function follow(program: Program, silent: boolean): Promise<Delivery> {
  const delivery = new Delivery();
  for (;;) {
    const message = await program.next<Message>();
    if (!silent || !message.gap) delivery.take(message);
    if (message.event === last) break;
  }
  await program.kill();
  return delivery;
}

/** Compresses rotated files at random, as their owner may. */
async function compress(file: string, random: Random, isOver: () => boolean): Promise<void> {
  const name = basename(file);
  while (!isOver()) {
    const rotated = readdirSync(dirname(file)).filter(
      (each) => each.startsWith(`${name}.2`) && each.endsWith('Z'),
    );
    const chosen = rotated.length > 0 ? join(dirname(file), random.pick(rotated)) : undefined;
    // It may have been removed meanwhile.
    if (chosen) await run('gzip', ['-q', chosen]).catch(() => {});
    await setTimeout(random.below(15));
  }
}

/** Leaves damage under the lock, as a careless program, and repairs it. */
async function damageAndRepair(file: string, random: Random, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const held = await lock(file, { timeout: 60_000 });
    appendFileSync(file, '{"damaged":\n');
    await held.release();
    await setTimeout(random.below(20));
    await repairChronicle(file, { lockTimeout: 60_000, force: true });
  }
}

async function play(random: Random, { keep, compresses, repairs }: Round, silent = false) {
  const file = join(temporaryDirectory(memory), 'chronicle');
  const options: ChronicleOptions = {
    rotate: { maxBytes: random.pick([3000, 20_000]), ...(keep !== undefined && { keep }) },
    durability: 'none',
    lockTimeout: 60_000,
    onCorrupt: 'skip',
  };
  const writers = await Promise.all([0, 1].map(() => ChronicleProcess.open(file, options)));
  // All of them have begun before anything is removed.
  await writers[0]?.append({ eventId: first });
  const programs = [0, 1].map(() => new Program('follower', file, `${random.below(2 ** 30)}`));
  for (const program of programs) expect(await program.next<Message>()).toMatchObject({ event: first });
  const following = programs.map((program) => follow(program, silent));
  let over = false;
  const others = [
    ...(compresses ? [compress(file, random, () => over)] : []),
    ...(repairs ? [damageAndRepair(file, random, () => over)] : []),
  ];
  const [callers, count] = [2, 150];
  await Promise.all(writers.map((writer, index) => writer.flood(`w${index}`, callers, count, [10, 400])));
  over = true;
  await Promise.all(others);
  await Promise.all(writers.map((writer) => writer.kill()));
  const chronicle = await openChronicle(file, { ...options, rotate: undefined });
  await chronicle.append({ eventId: last });
  await chronicle.close();
  const deliveries = await Promise.all(following);
  const names = writers.flatMap((_, index) => [0, 1].map((caller) => `w${index}.${caller}`));
  const findings = deliveries.flatMap((delivery) => [
    ...delivery.findings,
    ...delivery.missing(names, count).map((name) => `the last events of ${name} never came`),
    ...(keep === undefined && delivery.gaps > 0 ? ['a gap, though nothing was removed'] : []),
  ]);
  rmSync(dirname(file), { recursive: true });
  return { findings, events: deliveries.reduce((sum, { events }) => sum + events, 0) };
}

describe('followers', () => {
  const rounds: Round[] = [];
  for (const keep of [undefined, 0, 1, 3])
    for (const compresses of [false, true])
      for (const repairs of [false, true]) rounds.push({ keep, compresses, repairs });

  prove(
    'followers',
    'beside rotation with keep, gzip and repair: each event once and in order, or a gap is reported',
    { quick: 4, full: 400, unit: 'rounds' },
    async (tally) => {
      const random = new Random();
      let events = 0;
      for (let left = random.shuffle(rounds); tally.hasBudget; tally.count++) {
        const round = left.pop() as Round;
        if (left.length === 0) left = random.shuffle(rounds);
        const result = await play(random, round);
        expect(result.findings, JSON.stringify(round)).toEqual([]);
        events += result.events;
      }
      tally.found = `nothing (${events} events)`;
    },
  );

  prove(
    'followers',
    'one that does not report gaps is caught',
    { quick: 20, full: 20, unit: 'rounds' },
    async (tally) => {
      const random = new Random();
      let found: string | undefined;
      for (; tally.hasBudget && found === undefined; tally.count++) {
        const { findings } = await play(random, { keep: 0, compresses: false, repairs: false }, true);
        found = findings.find((finding) => finding.endsWith('nothing was reported'));
      }
      expect(found).toBeDefined();
      tally.found = `caught: ${found}`;
    },
  );
});
