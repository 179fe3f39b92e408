/**
 * `holdfast selftest`: tries on the user's machine what holdfast promises, in seconds, with processes of its
 * own.
 */
import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { counted, print, style, table } from './output.js';
import { Bench, type Check, type Runtime } from './selftest/bench.js';
import { chronicleChecks } from './selftest/chronicle-checks.js';
import { lockChecks } from './selftest/lock-checks.js';
import { describeMachine } from './selftest/machine.js';

/** Milliseconds; only ends what hangs. */
const maxCheckTime = 60_000;
const timeIsUp = `does not end in ${maxCheckTime / 1000} s`;

export function selftestCommand(): Command {
  return new Command('selftest')
    .summary('try on this machine what holdfast promises')
    .description(
      'Tries the locks and chronicles in a new directory in the one for temporary files (TMPDIR), with processes of its ' +
        'own, and prints a line for each promise and some about the machine, to be pasted into a report.',
    )
    .argument(
      '[runtime...]',
      'the command that runs a program here, where it is not the running one alone, as with an emulator; write -- before it',
    )
    .addHelpText('after', `\n${exitCodeHelp}\n\nExample: TMPDIR=/mnt/data holdfast selftest`)
    .passThroughOptions()
    .action(run);
}

async function run(words: string[], _: object, self: Command): Promise<void> {
  const [command = process.execPath, ...parameters] = words[0] === '--' ? words.slice(1) : words;
  if (words.length === 0 && process.versions.deno) parameters.push('run', '--allow-all');
  const runtime: Runtime = [command, ...parameters];
  const checks = Object.entries({ ...lockChecks, ...chronicleChecks });
  const began = performance.now();
  let failed = 0;
  let hangs = false;
  for (const [promise, check] of checks) {
    const bench = new Bench(runtime);
    const start = performance.now();
    const failure = await failureOf(check, bench);
    const time = style('dim', `(${Math.round(performance.now() - start)} ms)`);
    if (failure === undefined) {
      await print(`${style('green', 'ok')}      ${promise} ${time}\n`);
    } else {
      failed++;
      hangs ||= failure === timeIsUp;
      await print(`${style('red', 'FAILED')}  ${promise} ${time}\n${indented(failure)}\n`);
    }
    await bench.clear();
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const outcome = failed === 0 ? 'all as promised' : style('red', `${failed} FAILED`);
  await print(`\n${counted(checks.length, 'check')} in ${seconds} s: ${outcome}\n\n`);
  const rows = describeMachine(tmpdir());
  await print(table([['holdfast', self.parent?.version() ?? 'unknown'], ...rows]));
  process.exitCode = failed === 0 ? 0 : exitCodes.failed;
  if (hangs) process.exit(); // what hangs would keep the process
}

/** What is broken; undefined if nothing is. */
async function failureOf(check: Check, bench: Bench): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, maxCheckTime, timeIsUp);
  });
  try {
    return await Promise.race([check(bench).then(() => undefined), late]);
  } catch (error) {
    return error instanceof Error && error.stack ? error.stack : String(error);
  } finally {
    clearTimeout(timer);
  }
}

function indented(text: string): string {
  return text.replace(/^/gm, ' '.repeat(8));
}
