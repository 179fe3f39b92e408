/** holdfast/sage-chronicle: memory is bounded, whatever the events hold (C11). */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { memory, temporaryDirectory } from '../../support/files.js';
import { Program } from '../../support/processes.js';
import { sageEvent } from '../../support/sage-events.js';

const count = 4000;
const text = 'x'.repeat(10_000);

/** 40 MB. Two events are in the wrong order, and the last one is there twice. */
function largeFile(): string {
  const file = join(temporaryDirectory(memory), 'test.sage');
  writeFileSync(file, '');
  for (let i = 0; i < count; i += 1000) {
    let lines = '';
    for (let n = i; n < i + 1000; n++) {
      const time = n === 10 ? 11 : n === 11 ? 10 : n;
      const fields = { eventId: `${n}`, timestamp: String(100_000 + time), n, text };
      const event = sageEvent({ ...fields, ...(n > 0 && n < 100 && { prevEventId: `${n - 1}` }) });
      lines += `${JSON.stringify(event)}\n`;
    }
    appendFileSync(file, lines);
  }
  const last = { eventId: `${count - 1}`, timestamp: String(100_000 + count - 1), n: count - 1, text };
  appendFileSync(file, `${JSON.stringify(sageEvent(last))}\n`);
  return file;
}

interface Answer {
  method: string;
  value: unknown;
  peakBytes: number;
}

it('C11: of what reads a file of 40 MB', async () => {
  const file = largeFile();
  const calls: [string, unknown[], unknown][] = [
    ['fileExists', [], true],
    ['getChainTail', [], `${count - 1}`],
    ['tailChronicleFile', [2], { length: 2 }],
    ['isDuplicateUsingIndex', ['0'], true],
    ['isDuplicateUsingIndex', ['none'], false],
    ['validateCausalChain', [], { isValid: true, totalEvents: count + 1, chainedEvents: 99 }],
    ['getCompleteChain', ['50'], { length: 100 }],
    ['analyzeChronicle', [], { totalEvents: count + 1, duplicateEvents: 1 }],
    ['repairChronicle', [{ fixTimestampOrder: true, createBackup: true }], { repaired: true }],
    ['repairChronicle', [{ removeDuplicates: true }], { changesApplied: ['Removed 1 duplicate events'] }],
    ['appendWithCausalChain', [sageEvent()], { prevEventId: `${count - 1}` }],
  ];
  const order = calls.map(([method, args]) => [method, file, ...args]);
  const answers = await new Program('sage-memory', JSON.stringify(order)).next<Answer[]>();
  expect(answers).toMatchObject(calls.map(([method, , value]) => ({ method, value })));
  const usual = answers[0]?.peakBytes ?? 0;
  const tooMuch = answers.filter(({ peakBytes }) => peakBytes > usual + 64 * 1024 * 1024);
  expect(tooMuch).toEqual([]);
}, 180_000);
