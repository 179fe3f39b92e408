/**
 * A scenario that runs again and again, each time with a fault in it. Whatever fails: what was acknowledged
 * is in the file, what was refused is not, nothing stays locked, and everything can be sent again.
 */
import { join } from 'node:path';
import { tryLockSync } from 'holdfast';
import { expect } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { type Answer, type Call, SystemCalls } from '../support/system-calls.js';
import { Run, type Scenario } from './scenario.js';

/** Which calls fail behind the first one. */
export const persistences = {
  once: () => false,
  'and every one behind it': () => true,
  'and every one of its kind behind it': (call: Call, first: Call) => call.name === first.name,
};

export interface Fault {
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
export async function sendAgain(run: Run): Promise<void> {
  await run.close();
  await run.open();
  for (const id of run.scenario.ids) await run.append([id]);
  await run.close();
  await run.writeAtomically('third');
}

/** What is wrong after that. */
export function findingsAfterwards(run: Run): string[] {
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
export class FaultLoop {
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
  async tryAll(fault: Omit<Fault, 'at'>, tally: { count: number }): Promise<void> {
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

/** Lets each call of the scenario fail once, and looks whether calls of every kind were among them. */
export async function failEachCall(loop: FaultLoop, tally: { count: number }): Promise<void> {
  for (const kind of [{}, { kind: 'close' }]) {
    await loop.tryAll({ ...kind, answer: { fail: 'EIO' }, persistence: 'once' }, tally);
  }
  const kinds = [
    ...['mkdir', 'open', 'flock', 'stat', 'fstat', 'pread', 'fsync', 'writev', 'fdatasync', 'rename'],
    ...['readlink', 'realpath', 'fstatfs', 'statfs', 'close'],
    ...(loop.scenario.moves ? ['opendir', 'readdir', 'closedir'] : []),
  ];
  for (const kind of kinds) expect(loop.kinds).toContain(kind);
}
