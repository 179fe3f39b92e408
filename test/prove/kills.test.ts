/**
 * Kills: writers and readers in many processes that are killed, stopped and continued at random moments. No
 * event that was acknowledged is lost, none is there twice, none is torn into a neighbour, and readers see
 * nothing else.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChronicleOptions, type JsonObject, openChronicle, verifyChronicle } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { eventOf, lineOf } from '../programs/hammer-event.mjs';
import { temporaryDirectory } from '../support/files.js';
import { filesOf, linesOf } from '../support/lines.js';
import { Program } from '../support/processes.js';
import { prove, Random } from './prove.js';

const callers = 8;

/** Bounds a round, so that no duplicate can leave the window for duplicates. */
const mostEvents = 8000;

const common = { lockTimeout: 60_000, onCorrupt: 'skip' } as const;

/** What the processes of a round do. */
interface Round {
  readonly roles: readonly Role[];
  readonly options: ChronicleOptions;
  /** Whether events are moved to other places, by rotation or repair. */
  readonly moves: boolean;
}

type Role = 'writer' | 'reader' | 'repairer';

const rounds: Record<string, Round> = {
  '4 writers and 2 readers': {
    roles: ['writer', 'writer', 'writer', 'writer', 'reader', 'reader'],
    options: common,
    moves: false,
  },
  '4 writers that rotate, a repairer and a reader': {
    roles: ['writer', 'writer', 'writer', 'writer', 'repairer', 'reader'],
    options: { ...common, dedupe: 'all', rotate: { maxBytes: 2_000_000 } },
    moves: true,
  },
  '4 writers of a chain that rotate, and a reader': {
    roles: ['writer', 'writer', 'writer', 'writer', 'reader'],
    options: { ...common, dedupe: 'all', rotate: { maxBytes: 2_000_000 }, chain: true },
    moves: true,
  },
};

interface Message {
  readonly acknowledged?: {
    readonly caller: number;
    readonly number: number;
    readonly eventId: string;
    readonly offset: number;
  };
  readonly seen?: readonly { readonly event: { readonly eventId: string }; readonly offset: number }[];
  readonly failed?: string;
}

/** All that is known outside of the processes. */
class Ledger {
  readonly acknowledged = new Map<string, number>();
  readonly seen = new Map<string, number>();
  readonly findings: string[] = [];
}

/** A place for a process: who stands in it is killed, and another one takes its place. */
class Slot {
  #program: Program | undefined;
  #listening: Promise<void> | undefined;
  #hasEnded = false;
  #next = Array.from({ length: callers }, () => 0);
  /** Called with each message, and when the process has ended. */
  #heard: () => void = () => {};

  constructor(
    readonly role: Role,
    readonly name: string,
    readonly file: string,
    readonly round: Round,
    readonly ledger: Ledger,
  ) {}

  start(): void {
    const { role, name, file, round } = this;
    this.#hasEnded = false;
    this.#program = new Program('hammer');
    this.#program.send({ role, name, file, options: round.options, moves: round.moves, next: this.#next });
    this.#listening = this.#listen(this.#program);
  }

  /** Waits until the process has said something. */
  async isAtWork(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#heard = resolve;
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#hasEnded) process.kill((this.#program as Program).pid, signal);
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
    await this.#listening;
  }

  /** The events that may be in the file without an acknowledgement. */
  get open(): JsonObject[] {
    return this.role === 'writer'
      ? this.#next.map((number, caller) => eventOf(this.name, caller, number))
      : [];
  }

  async #listen(program: Program): Promise<void> {
    try {
      for (;;) this.#receive(await program.next<Message>());
    } catch {
      this.#hasEnded = true;
      const how = await program.exited;
      if (how !== 'SIGKILL') this.ledger.findings.push(`a ${this.role} ended by itself: ${how}`);
      this.#heard();
    }
  }

  #receive({ acknowledged, seen, failed }: Message): void {
    const { ledger } = this;
    if (acknowledged) {
      const { caller, number, eventId, offset } = acknowledged;
      this.#next[caller] = number + 1;
      ledger.acknowledged.set(eventId, offset);
    }
    for (const { event, offset } of seen ?? []) {
      const before = ledger.seen.get(event.eventId);
      if (!this.round.moves && before !== undefined && before !== offset) {
        ledger.findings.push(`C5: ${event.eventId} was seen at ${before} and at ${offset}`);
      }
      if (withoutLink(JSON.stringify(event)) !== lineOf(event.eventId)) {
        ledger.findings.push(`C2: a reader saw what nobody wrote at ${offset}`);
      }
      ledger.seen.set(event.eventId, offset);
    }
    if (failed) ledger.findings.push(failed);
    this.#heard();
  }
}

/** The line of an event without its link, or without the part of it that was written before a kill. */
function withoutLink(text: string): string {
  const whole = text.replace(/,"chainLink":"[0-9a-f]{64}"\}$/, '}');
  return whole === text ? text.replace(/(?<=x+"),(?:"(?:c.*)?)?$/, '') : whole;
}

/** What is wrong with the chain: a kill leaves nothing but a torn line, from which no link goes on. */
async function chainFindings(file: string, { options }: Round): Promise<string[]> {
  if (!options.chain) return [];
  const { chain } = await verifyChronicle(file, { chain: true });
  return (chain?.breaks.first ?? []).map(
    ({ offset, reason }) => `the chain does not hold at ${offset}: ${reason}`,
  );
}

/** What is wrong with the file, when everybody is dead. */
function findingsIn(file: string, ledger: Ledger, moves: boolean): string[] {
  const findings = [...ledger.findings];
  const places = new Map<string, number>();
  for (const { text: written, offset } of filesOf(file).flatMap(linesOf)) {
    const text = withoutLink(written);
    const eventId = /^\{"eventId":"([^"]+)"/.exec(text)?.[1];
    const whole = eventId === undefined ? '{"eventId":"' : lineOf(eventId);
    if (text === whole && eventId !== undefined) {
      if (places.has(eventId)) findings.push(`C5: ${eventId} is there twice`);
      places.set(eventId, offset);
    } else if (!whole.startsWith(text) && !text.startsWith('{"eventId":"')) {
      findings.push(`C2: a line that nobody wrote at ${offset}: ${text.slice(0, 100)}`);
    } else if (eventId !== undefined && !whole.startsWith(text)) {
      findings.push(`C2: a line is torn into its neighbour at ${offset}: ${text.slice(0, 100)}`);
    }
  }
  for (const [what, events] of [
    ['C1: was acknowledged', ledger.acknowledged],
    ['was seen by a reader', ledger.seen],
  ] as const) {
    for (const [eventId, offset] of events) {
      if (moves ? !places.has(eventId) : places.get(eventId) !== offset) {
        findings.push(`${what}: ${eventId} at ${offset}, is at ${places.get(eventId)}`);
      }
    }
  }
  return findings;
}

describe('kills', () => {
  for (const [what, round] of Object.entries(rounds)) {
    prove(
      'kills',
      `SIGKILL, SIGSTOP and SIGCONT of ${what}`,
      { quick: 20, full: 1200, unit: 'kills' },
      async (tally) => {
        const random = new Random();
        const directory = temporaryDirectory();
        let acknowledged = 0;
        while (tally.hasBudget) {
          const ledger = new Ledger();
          const file = join(directory, `${tally.count}`, 'chronicle');
          const slots = round.roles.map(
            (role, index) => new Slot(role, `process${index}`, file, round, ledger),
          );
          let left = 40;
          await Promise.all(
            slots.map(async (slot) => {
              while (left-- > 0 && tally.hasBudget && ledger.acknowledged.size < mostEvents) {
                await killAtRandom(slot, random);
                tally.count++;
              }
            }),
          );
          expect(findingsIn(file, ledger, round.moves)).toEqual([]);

          // What was not acknowledged is sent again: each is there once, wherever it stood before.
          const chronicle = await openChronicle(file, round.options);
          for (const event of slots.flatMap((slot) => slot.open)) {
            const { eventId, offset } = await chronicle.append(event);
            ledger.acknowledged.set(eventId as string, offset);
          }
          await chronicle.close();
          expect(findingsIn(file, ledger, round.moves), 'sent again').toEqual([]);
          expect(await chainFindings(file, round)).toEqual([]);
          acknowledged += ledger.acknowledged.size;
          rmSync(join(file, '..'), { recursive: true });
        }
        expect(acknowledged).toBeGreaterThan(0);
        tally.found = `nothing (${acknowledged} events)`;
      },
    );
  }

  it('are seen by the checker: what is lost, doubled and torn into a neighbour', () => {
    const file = join(temporaryDirectory(), 'chronicle');
    const lines = [0, 1, 2].map((number) => lineOf(`a.0.${number + 1}`));
    const ledger = new Ledger();
    ledger.acknowledged.set('a.0.9', 0);
    writeFileSync(file, `${lines[0]}\n${lines[0]}\n${lines[1]?.slice(0, 30)}${lines[2]}\n`);
    expect(findingsIn(file, ledger, false).map((finding) => finding.slice(0, 2))).toEqual(['C5', 'C2', 'C1']);
  });
});

/**
 * Starts a process in this place, lets it work, stops it and lets it go on, and kills it, all at random
 * moments.
 */
async function killAtRandom(slot: Slot, random: Random): Promise<void> {
  slot.start();
  // One in ten is killed while it starts.
  if (random.below(10) > 0) await slot.isAtWork();
  for (let stops = random.below(3); stops > 0; stops--) {
    await pause(random.below(30));
    slot.signal('SIGSTOP');
    await pause(random.below(10));
    slot.signal('SIGCONT');
  }
  await pause(random.below(40));
  await slot.kill();
}

/** A random moment is a time; nothing is expected of it. */
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
