/**
 * The fault table: every system call of a scenario fails, one after the other, with each error, once and for
 * ever. Whatever fails: what was acknowledged is in the file, what was refused is not, nothing stays locked,
 * and everything can be sent again.
 */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle, tryLockSync } from 'holdfast';
import { describe, expect } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import {
  type Answer,
  type Call,
  type ErrorName,
  SystemCalls,
  testBuild,
  unwatchable,
} from '../support/system-calls.js';
import { inFull, prove, Random, type Tally } from './prove.js';
import { Run, type Scenario, scenarios } from './scenario.js';

const errors: ErrorName[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'EAGAIN', 'EMFILE', 'EACCES', 'ENOLCK'];

/** Which calls fail behind the first one. */
const persistences = {
  once: () => false,
  'and every one behind it': () => true,
  'and every one of its kind behind it': (call: Call, first: Call) => call.name === first.name,
};

interface Fault {
  /** The call that fails, counted from 1; with `kind`, only calls of that kind are counted. */
  readonly at: number;
  readonly kind?: string;
  readonly answer: Answer;
  readonly persistence: keyof typeof persistences;
}

const describeFault = ({ at, kind, answer, persistence }: Fault, first?: Call) =>
  `${kind ?? 'call'} ${at} (${first?.name} ${first?.path}) ${JSON.stringify(answer)} ${persistence}`;

/** Threads and open files are kept for a moment, so that these calls come in every run at other places. */
const unsteady = new Set(['pthread_create', 'close']);

/**
 * A call that is interrupted is made again; one that is for ever interrupted would be for ever made again.
 */
const maxInterrupts = 3;

/** Runs a scenario with a fault in it; the call that failed first, if the scenario made so many. */
async function runWith(
  scenario: Scenario,
  fault: Fault,
  calls: SystemCalls,
  process: ChronicleProcess,
  directory: string,
): Promise<{ first: Call | undefined; findings: string[] }> {
  const run = new Run(process, join(directory, 'new', 'chronicle'), scenario);
  let count = 0;
  let interrupts = 0;
  let first: Call | undefined;
  calls.answerAll((call) => {
    // A lock that cannot be released is no error that a local file system has.
    if (call.name === 'unlock') return 'go';
    if (fault.kind === undefined ? !unsteady.has(call.name) : fault.kind === call.name) count++;
    if (count === fault.at && !first) first = call;
    else if (!first || !persistences[fault.persistence](call, first)) return 'go';
    const { answer } = fault;
    if (typeof answer !== 'object') return answer;
    if ('short' in answer && call.name !== 'writev' && call.name !== 'pread') return 'go';
    if ('fail' in answer && answer.fail === 'EINTR' && ++interrupts > maxInterrupts) return 'go';
    return answer;
  });
  const findings: string[] = [];
  for (const step of scenario.steps) {
    const before = run.complete();
    await step(run);
    const after = run.complete();
    if (!before.every((text, index) => after[index] === text)) {
      findings.push('C3: a complete line was changed');
    }
  }
  findings.push(...run.findings());
  for (const { code, message } of run.errors) {
    if (code === undefined) findings.push(`an error without code: ${message}`);
  }

  calls.letGo();
  await sendAgain(run);
  findings.push(...findingsAfterwards(run));
  return { first, findings };
}

/** Sends everything once more, now that nothing fails. */
async function sendAgain(run: Run): Promise<void> {
  await run.close();
  await run.open();
  for (const id of run.scenario.ids) await run.append([id]);
  await run.close();
  await run.writeAtomically('third');
}

/** What is wrong after that. */
function findingsAfterwards(run: Run): string[] {
  const findings = run.findings().map((finding) => `sent again: ${finding}`);
  for (const file of [run.file, `${run.file}.lock`]) {
    const held = tryLockSync(file);
    if (held === null) findings.push(`L2: ${file} stays locked`);
    held?.releaseSync();
  }
  for (const id of run.scenario.ids) {
    if (run.fates.get(id) !== 'acknowledged') findings.push(`C4: ${id} cannot be sent again`);
  }
  return findings;
}

/** Runs the scenario in one process again and again, each time with another fault. */
class FaultLoop {
  /** The kinds of calls that were made to fail. */
  readonly kinds = new Set<string>();
  #runs = 0;

  private constructor(
    readonly scenario: Scenario,
    readonly directory: string,
    readonly calls: SystemCalls,
    readonly process: ChronicleProcess,
  ) {}

  static async start(scenario: Scenario): Promise<FaultLoop> {
    const directory = temporaryDirectory(memory);
    const calls = await SystemCalls.under(directory);
    return new FaultLoop(scenario, directory, calls, new ChronicleProcess({ env: calls.env }));
  }

  /** Lets each call fail, until the scenario makes no more. */
  async tryAll(fault: Omit<Fault, 'at'>, tally: Tally): Promise<void> {
    for (let at = 1; await this.try({ at, ...fault }); at++) tally.count++;
  }

  /** False where the scenario makes fewer calls. */
  async try(fault: Fault): Promise<boolean> {
    const { scenario, calls, process, directory } = this;
    const place = join(directory, `${++this.#runs}`);
    const { first, findings } = await runWith(scenario, fault, calls, process, place);
    if (first) this.kinds.add(first.name);
    expect(findings, describeFault(fault, first)).toEqual([]);
    return first !== undefined;
  }
}

describe.skipIf(unwatchable)('a system call that fails', () => {
  const answers: Answer[] = [...errors.map((fail) => ({ fail })), ...[0, 1, 10].map((short) => ({ short }))];
  const always = Object.keys(persistences) as (keyof typeof persistences)[];
  const all = answers.flatMap((answer) => always.map((persistence) => ({ answer, persistence })));

  for (const [name, scenario] of Object.entries(scenarios)) {
    // The other scenario makes some hundreds of calls, which is too much for every day.
    if (inFull || !scenario.moves) {
      prove(
        'faults',
        `${name}: every call with EIO, once`,
        { quick: 1000, full: 1000, unit: 'runs' },
        async (tally) => {
          const loop = await FaultLoop.start(scenario);
          for (const kind of [{}, { kind: 'close' }]) {
            await loop.tryAll({ ...kind, answer: { fail: 'EIO' }, persistence: 'once' }, tally);
          }
          const kinds = [
            'mkdir',
            'open',
            'flock',
            'stat',
            'fstat',
            'pread',
            'fsync',
            'writev',
            'fdatasync',
            'rename',
            'readlink',
            'realpath',
            'fstatfs',
            'statfs',
            ...(scenario.moves ? ['opendir', 'readdir', 'closedir'] : []),
          ];
          for (const kind of [...kinds, 'close']) expect(loop.kinds).toContain(kind);
        },
      );
    }

    prove(
      'faults',
      `${name}: ${inFull ? 'every call with every error, short ones too, once and for ever' : 'drawn at random'}`,
      { quick: 60, full: 100_000, unit: 'runs' },
      async (tally) => {
        const loop = await FaultLoop.start(scenario);
        const random = new Random();
        if (inFull) {
          for (const fault of random.shuffle(all)) if (tally.hasBudget) await loop.tryAll(fault, tally);
          return;
        }
        for (; tally.hasBudget; tally.count++)
          await loop.try({ at: 1 + random.below(150), ...random.pick(all) });
      },
    );

    prove(
      'faults',
      `${name}: threads that cannot be started, once and for ever`,
      { quick: 3, full: 60, unit: 'runs' },
      async (tally) => {
        let failed = 0;
        for (; tally.hasBudget; tally.count++) {
          // In a process of its own, where no thread is left from the run before.
          const loop = await FaultLoop.start(scenario);
          const at = 1 + Math.floor(tally.count / always.length);
          const persistence = always[tally.count % always.length] ?? 'once';
          if (await loop.try({ at, kind: 'pthread_create', answer: { fail: 'EAGAIN' }, persistence }))
            failed++;
          await loop.process.kill();
        }
        expect(failed).toBeGreaterThan(0);
      },
    );

    prove(
      'faults',
      `${name}: allocations of the addon, once and for ever`,
      { quick: 4, full: 2000, unit: 'runs' },
      async (tally) => {
        const random = new Random();
        const directory = temporaryDirectory(memory);
        const again = new ChronicleProcess();
        for (; tally.hasBudget; tally.count++) {
          // In full: one after the other, until none fails.
          const number = inFull ? 1 + Math.floor(tally.count / 2) : 1 + random.below(700);
          const plan = `${number}${tally.count % 2 === 0 ? '' : '+'}`;
          const env = { HOLDFAST_PREBUILD: testBuild, PREBUILDS_ONLY: '', HOLDFAST_PROBE_ALLOCATION: plan };
          const prelude = 'exec 2>/dev/null'; // what is said by a process that dies
          const process = new ChronicleProcess({ env, prelude });
          const run = new Run(process, join(directory, `${tally.count}`, 'chronicle'), scenario);
          try {
            for (const step of scenario.steps) await step(run);
          } catch {
            // Without memory a process may die, as it may be killed.
          }
          await process.kill();
          const findings = run.findings();
          const second = run.continueIn(again);
          await sendAgain(second);
          findings.push(...findingsAfterwards(second));
          expect(findings, `allocation ${plan}`).toEqual([]);
        }
      },
    );
  }

  prove(
    'faults',
    'loading that runs out of memory leaves no file of ids that lacks some',
    { quick: 12, full: 60, unit: 'runs' },
    async (tally) => {
      // Ids are taken up some at a time, and to read the long line takes more memory when some are still
      // waiting.
      const events = Array.from({ length: 50 }, (_, number) => ({ eventId: `e${number}` }));
      const lines = [...events, { fill: 'x'.repeat(2_000_000) }].map((event) => `${JSON.stringify(event)}\n`);
      const directory = temporaryDirectory(memory);
      for (; tally.hasBudget; tally.count++) {
        const file = join(directory, `${tally.count}`);
        writeFileSync(file, lines.join(''));
        // Once it was the 25th.
        const plan = `${(inFull ? 1 : 20) + tally.count}`;
        const env = { HOLDFAST_PREBUILD: testBuild, PREBUILDS_ONLY: '', HOLDFAST_PROBE_ALLOCATION: plan };
        const process = new ChronicleProcess({ env, prelude: 'exec 2>/dev/null' });
        try {
          await process.ask('open', file, { dedupe: 'all' });
          await process.append({ eventId: 'new' }).catch(() => {});
          await process.ask('close');
        } catch {
          // Without memory a process may die, as it may be killed.
        }
        await process.kill();
        const chronicle = await openChronicle(file, { dedupe: 'all' });
        const results = await chronicle.appendMany(events);
        await chronicle.close();
        expect(results.filter(({ duplicate }) => !duplicate).length, `allocation ${plan}`).toBe(0);
      }
    },
  );

  prove('faults', 'the checker sees what is lost', { quick: 1, full: 1, unit: 'runs' }, async (tally) => {
    const directory = temporaryDirectory(memory);
    const calls = await SystemCalls.under(directory);
    const scenario = { options: {}, steps: [], ids: [], moves: false };
    const run = new Run(new ChronicleProcess({ env: calls.env }), join(directory, 'chronicle'), scenario);
    await run.open();
    await run.append(['a', 'b']);
    // A write that fails after its first line, and is not cut back.
    calls.answer('writev chronicle', { short: readFileSync(run.file).length / 2 });
    calls.answer('writev chronicle', { fail: 'ENOSPC' });
    calls.answer('ftruncate chronicle', 'skip');
    await run.append(['c', 'd']);
    expect(run.findings()).toEqual(['C6: c was refused and is in the file']);
    truncateSync(run.file, 10);
    expect(run.findings()).toContain('C1: a was acknowledged and is lost');
    tally.count++;
  });
});
