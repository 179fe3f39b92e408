/**
 * Power loss: what several processes do is recorded, and every state that a crash may leave behind is opened
 * with the product. Every promise that was given before the crash is kept in each, nothing else is damaged,
 * and appending goes on. Sabotaged builds show that a promise that is not kept would be seen.
 */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ChronicleOptions,
  type JsonObject,
  openChronicle,
  readChronicle,
  verifyChronicle,
} from 'holdfast';
import { describe, expect } from 'vitest';
import { ChronicleProcess } from '../../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../../support/files.js';
import { SystemCalls, unwatchable } from '../../support/system-calls.js';
import { prove, Random, type Tally } from '../prove.js';
import { crashStates, type Operation } from './crash-states.js';
import { Recorder, type Sabotage, sabotages } from './recorder.js';

const chronicle = 'made/by/them/chronicle';
const state = 'made/state';

/** An event of some sectors, or of a part of one. */
function eventOf(eventId: string): JsonObject {
  const sizes = [0, 100, 700, 2000];
  return { eventId, fill: 'x'.repeat(sizes[eventId.length % sizes.length] ?? 0) };
}

/** How the chronicle is opened; with `moves`, events go to other files. */
interface How {
  readonly options: ChronicleOptions;
  readonly moves: boolean;
}

const plain: How = { options: { onCorrupt: 'skip' }, moves: false };
const rotating: How = {
  options: { onCorrupt: 'skip', dedupe: 'all', rotate: { maxBytes: 6000 } },
  moves: true,
};
const rotatingWindow: How = {
  options: { onCorrupt: 'skip', dedupe: { window: 200 }, rotate: { maxBytes: 6000 } },
  moves: true,
};
const chained: How = { options: { onCorrupt: 'skip', chain: true }, moves: false };
const chainedRotating: How = { ...rotating, options: { ...rotating.options, chain: true } };

interface Recording {
  readonly how: How;
  readonly operations: readonly Operation[];
  /** The events that were sent, acknowledged or not. */
  readonly sent: ReadonlySet<string>;
  /** What the file beside the chronicle was to hold, one after the other. */
  readonly states: readonly string[];
}

/** Several processes append to a new chronicle; their order is another one each time. */
async function record(random: Random, how: How, sabotage?: Sabotage): Promise<Recording> {
  const directory = temporaryDirectory(memory);
  const calls = await SystemCalls.under(directory);
  const recorder = new Recorder(directory, calls, sabotage);
  const file = join(directory, chronicle);
  const sent = new Set<string>();
  const states: string[] = [];
  const processes = [0, 1, 2].map(() => new ChronicleProcess({ env: calls.env }));
  const [first, second] = processes as [ChronicleProcess, ChronicleProcess];

  const append = async (process: ChronicleProcess, ...ids: string[]) => {
    for (const id of ids) sent.add(id);
    const results = await process.appendMany(ids.map(eventOf));
    results.forEach(({ offset }, index) => {
      recorder.promised(ids[index] as string, offset);
    });
  };
  const writeState = async (process: ChronicleProcess, content: string) => {
    states.push(content);
    await process.ask('writeFileAtomic', join(directory, state), content, { parents: true });
    recorder.promised(content);
  };

  await Promise.all(
    processes.map(async (process, index) => {
      await process.ask('open', file, { ...how.options, lockTimeout: 60_000 });
      for (let number = 0; number < 3; number++) {
        await append(process, `${'p'.repeat(random.below(4))}${index}.${number}`, `shared${random.below(4)}`);
      }
    }),
  );
  await writeState(second, 'state 1');
  // A duplicate of what another process has written and not synced yet.
  const held = recorder.holdSync(first.pid);
  const slow = append(first, 'slow');
  await held.reached;
  await append(second, 'slow');
  held.release();
  await slow;
  // An event that another process writes when a sync is done and not told of yet, which does not cover it.
  for (const round of [1, 2]) {
    await append(first, `first, ${round}`);
    await append(second, `second, ${round}`);
  }
  const told = recorder.holdAfterSync(first.pid);
  const synced = append(first, 'synced');
  await Promise.race([told.reached, synced]);
  const waits = recorder.waitsForSync(second.pid);
  const written = append(second, 'written behind the sync');
  await Promise.race([waits, written]);
  told.release();
  await Promise.all([synced, written]);
  recorder.tear(file, '{"eventId":"torn","fill":"');
  await Promise.all(processes.map((process, index) => append(process, `behind the torn tail ${index}`)));
  await writeState(second, 'state 2, which is longer');
  await Promise.all(processes.map((process) => process.kill()));
  rmSync(directory, { recursive: true });
  return { how, operations: recorder.operations, sent, states };
}

/** Opens a state with the product; what is wrong with it. */
async function findingsIn(root: string, recording: Recording, end: number): Promise<string[]> {
  const { how, sent, states, operations } = recording;
  const promises = operations.slice(0, end).filter((operation) => operation.kind === 'promise');
  const given = new Set(promises.map(({ of }) => of));
  const findings: string[] = [];
  const file = join(root, chronicle);
  const before = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);

  const statePath = join(root, state);
  const content = existsSync(statePath) ? readFileSync(statePath, 'utf8') : undefined;
  const least = states.findLastIndex((written) => given.has(written));
  if (content === undefined ? least >= 0 : !states.slice(Math.max(least, 0)).includes(content)) {
    findings.push(`writeFileAtomic: ${JSON.stringify(content)} in place of ${JSON.stringify(states[least])}`);
  }

  const read = () => readChronicle(file, { onCorrupt: 'skip' });
  const countIn = (events: readonly JsonObject[], id: string) =>
    events.filter(({ eventId }) => eventId === id).length;
  const events = await read();
  const promised = promises.filter(({ of }) => sent.has(of));
  for (const { of } of promised) if (countIn(events, of) !== 1) findings.push(`C1: ${of} is lost`);
  for (const { eventId } of events) {
    if (!sent.has(eventId as string)) findings.push(`C2: an event that nobody sent: ${eventId}`);
  }

  const opened = await openChronicle(file, how.options);
  await opened.append({ eventId: 'after the crash' });
  const again = await opened.appendMany([...sent].map(eventOf));
  await opened.close();
  for (const { of, offset } of promised) {
    const result = again.find(({ eventId }) => eventId === of);
    if (!result?.duplicate || (!how.moves && result.offset !== offset))
      findings.push(`C5: ${of} is not known any more`);
  }
  for (let restart = 0; restart < 2; restart++) {
    const reopened = await openChronicle(file, how.options);
    for (const { eventId, duplicate } of await reopened.appendMany([...sent].map(eventOf)))
      if (!duplicate) findings.push(`C5: ${eventId} is not known after restart ${restart + 1}`);
    await reopened.close();
  }
  const afterwards = await read();
  for (const id of [...sent, 'after the crash']) {
    if (countIn(afterwards, id) !== 1)
      findings.push(`C4: ${id} is there ${countIn(afterwards, id)} times afterwards`);
  }
  if (how.options.chain) findings.push(...(await chainFindings(file, promises)));
  if (!how.moves && !readFileSync(file).subarray(0, before.length).equals(before))
    findings.push('C3: what stood there was changed');
  return findings;
}

/**
 * A hole in what was not acknowledged may hide the event that a link goes on from. Nothing else is found, and
 * nothing in front of an event that was acknowledged.
 */
async function chainFindings(file: string, promises: readonly Operation[]): Promise<string[]> {
  const { chain } = await verifyChronicle(file, { chain: true });
  const last = Math.max(-1, ...promises.map((promise) => (promise as { offset?: number }).offset ?? -1));
  return (chain?.breaks.first ?? [])
    .filter(({ path, offset, reason }) => reason !== 'damage' || (path === file && offset <= last))
    .map(({ path, offset, reason }) => `the chain does not hold at ${offset} of ${path}: ${reason}`);
}

/** Tries states of crashes in every place of a recording. */
async function tryCrashes(
  recording: Recording,
  random: Random,
  tally: Tally,
  maxPerPoint: number,
): Promise<string[]> {
  const root = join(temporaryDirectory(memory), 'disk');
  const seen = new Set<string>();
  const places = random.shuffle(recording.operations.map((_, index) => index + 1));
  for (const end of places) {
    for (const disk of crashStates(recording.operations, end, maxPerPoint, random)) {
      if (!tally.hasBudget) return [];
      const promises = recording.operations.slice(0, end).filter(({ kind }) => kind === 'promise').length;
      const key = hash('sha256', `${promises} ${disk.key()}`);
      if (seen.has(key)) continue;
      seen.add(key);
      mkdirSync(root);
      disk.restore(root);
      tally.count++;
      const findings = await findingsIn(root, recording, end);
      rmSync(root, { recursive: true });
      if (findings.length > 0) return [`a crash behind operation ${end}`, ...findings];
    }
  }
  return [];
}

describe.skipIf(unwatchable)('power loss', () => {
  for (const [what, how] of Object.entries({
    'appended to': plain,
    "rotated, dedupe 'all'": rotating,
    'rotated, dedupe with a window': rotatingWindow,
    'with a chain': chained,
    'with a chain, rotated': chainedRotating,
  })) {
    prove(
      'power loss',
      `every promise is kept in every state that a crash may leave of a chronicle ${what}`,
      { quick: 150, full: 8000, unit: 'states' },
      async (tally) => {
        const random = new Random();
        while (tally.hasBudget) {
          const recording = await record(random, how);
          expect(await tryCrashes(recording, random, tally, 64)).toEqual([]);
        }
      },
    );
  }

  for (const sabotage of sabotages) {
    prove(
      'power loss',
      `a build ${sabotage} is caught`,
      { quick: 2000, full: 2000, unit: 'states' },
      async (tally) => {
        const random = new Random();
        let lost: string | undefined;
        while (tally.hasBudget && lost === undefined) {
          const findings = await tryCrashes(await record(random, plain, sabotage), random, tally, 16);
          lost = findings.find((finding) => finding.endsWith('is lost'));
        }
        expect(lost).toBeDefined();
        tally.found = `caught: ${lost}`;
      },
    );
  }
});
