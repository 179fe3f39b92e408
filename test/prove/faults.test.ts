/**
 * The fault table: every system call of a scenario fails, one after the other, with each error, once and for
 * ever. Whatever fails: what was acknowledged is in the file, what was refused is not, nothing stays locked,
 * and everything can be sent again.
 */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { describe, expect } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { memory, temporaryDirectory } from '../support/files.js';
import { withAddon } from '../support/other-addon.js';
import { type Answer, type ErrorName, SystemCalls, testBuild, unwatchable } from '../support/system-calls.js';
import { FaultLoop, failEachCall, findingsAfterwards, persistences, sendAgain } from './fault-loop.js';
import { inFull, prove, Random } from './prove.js';
import { Run, scenarios } from './scenario.js';

const errors: ErrorName[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'EAGAIN', 'EMFILE', 'EACCES', 'ENOLCK'];

describe.skipIf(unwatchable)('a system call that fails', () => {
  const answers: Answer[] = [...errors.map((fail) => ({ fail })), ...[0, 1, 10].map((short) => ({ short }))];
  const always = Object.keys(persistences) as (keyof typeof persistences)[];
  const all = answers.flatMap((answer) => always.map((persistence) => ({ answer, persistence })));

  for (const [name, scenario] of Object.entries(scenarios)) {
    // The short form of this is test/chronicle/failing-calls.test.ts.
    if (inFull) {
      prove(
        'faults',
        `${name}: every call with EIO, once`,
        { quick: 0, full: 1000, unit: 'runs' },
        async (tally) => failEachCall(await FaultLoop.start(scenario), tally),
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
          const env = { ...withAddon(testBuild), HOLDFAST_PROBE_ALLOCATION: plan };
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
        const env = { ...withAddon(testBuild), HOLDFAST_PROBE_ALLOCATION: plan };
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
