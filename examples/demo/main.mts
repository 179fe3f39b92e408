/**
 * The demo: eight processes append real events to one chronicle, two of them are killed and started again,
 * and the file is held against what was acknowledged. Exits with 1 if an event is lost or doubled.
 */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Commit, type DemoEvent, eventsOf, readCommits, readPackages } from './input.mjs';
import { showProgress } from './progress.mjs';
import { check, idOf, type Run, readBack, toTable } from './report.mjs';
import { type Account, type Plan, runWriters } from './supervisor.mjs';

const usage = `Usage: npm run demo -- [--rounds n] [--keep]

Eight processes append the commits and packages of this checkout to one chronicle; two of them
are killed with SIGKILL and started again. Then the file is checked.

  --rounds n  how often each process sends its observation of every input (default: 20)
  --keep      keep the file, and say where it is
  --help      show this`;

const writers = Array.from({ length: 8 }, (_, index) => `writer-${index + 1}`);
const kills = 2;

interface Arguments {
  readonly rounds: number;
  readonly keep: boolean;
  readonly help: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '20' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (!/^[1-9]\d{0,5}$/.test(values.rounds)) {
    throw new Error(`--rounds: expected a positive number, got '${values.rounds}'`);
  }
  return { ...values, rounds: Number(values.rounds) };
}

async function readInputs(): Promise<DemoEvent[]> {
  let commits: Commit[] = [];
  try {
    commits = await readCommits();
  } catch (error) {
    const reason = (error as Error).message.trim().split('\n').at(-1);
    console.log(`No git history here (${reason}), going on with the packages only.`);
  }
  const packages = await readPackages();
  console.log(`${commits.length} commits and ${packages.length} packages of this checkout`);
  return [...commits, ...packages];
}

/** Which writers are killed, and when, is left to chance. */
function makePlans(file: string, inputs: readonly DemoEvent[], rounds: number, total: number): Plan[] {
  const victims = new Set<string>();
  while (victims.size < kills) victims.add(writers[randomInt(writers.length)] as string);
  const window = 2 * writers.length * total; // more than are ever written
  return writers.map((writer) => ({
    job: { file, writer, inputs, rounds, window },
    killAfter: victims.has(writer)
      ? randomInt(Math.ceil(total * 0.1), Math.ceil(total * 0.8) + 1)
      : undefined,
  }));
}

async function demonstrate(file: string, rounds: number, interrupted: AbortSignal): Promise<boolean> {
  const inputs = await readInputs();
  const total = inputs.length * (rounds + 1); // its own of each round, and those that all send
  console.log(`${writers.length} processes append ${total} events each to ${file}`);

  const account: Account = { sent: 0, kills: 0, acknowledgements: [] };
  const progress = showProgress(writers, total);
  let seconds: number;
  try {
    seconds = await runWriters(makePlans(file, inputs, rounds, total), account, progress, interrupted);
  } finally {
    progress.stop();
  }

  const expected = new Set<string>();
  for (const writer of writers)
    for (const event of eventsOf(writer, inputs, rounds)) expected.add(idOf(event));
  const run: Run = { ...account, writers: writers.length, expected, seconds };
  const contents = await readBack(file);
  const findings = check(run, contents);
  console.log(toTable(run, contents, findings));
  for (const id of findings.lost.slice(0, 10)) console.log(`lost: ${id}`);
  for (const id of findings.doubled.slice(0, 10)) console.log(`doubled: ${id}`);
  return findings.lost.length === 0 && findings.doubled.length === 0;
}

async function main({ rounds, keep }: Arguments): Promise<number> {
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort());
  process.once('SIGTERM', () => interruption.abort());
  // Without a reader (| head) the demo goes on: its exit code still says what it found.
  process.stdout.on('error', () => {});
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  const file = join(directory, 'chronicle.ndjson');
  let kept = keep;
  try {
    const whole = await demonstrate(file, rounds, interruption.signal);
    kept ||= !whole; // the file is the evidence
    return whole ? 0 : 1;
  } catch (error) {
    if (interruption.signal.aborted) return 130;
    throw error;
  } finally {
    if (kept) console.log(`The file is kept: ${file}`);
    else await rm(directory, { recursive: true, force: true });
  }
}

let given: Arguments | undefined;
try {
  given = readArguments();
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage}`);
  process.exitCode = 2;
}
if (given?.help) console.log(usage);
else if (given) process.exitCode = await main(given);
