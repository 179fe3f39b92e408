/** Events and files as users of @sage/chronicle have them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChronicleEventBase } from 'holdfast/sage-chronicle';
import { temporaryDirectory } from './files.js';

export const sagePath = () => join(temporaryDirectory(), 'test.sage');

export const sageEvent = (fields: object = {}): ChronicleEventBase => ({
  type: 'PLAN_APPROVED',
  timestamp: '2024-01-01T00:00:00.000Z',
  actor: { agent: 'guardian', id: 'test' },
  ...{ planId: 'plan-1' },
  ...fields,
});

/** A new file with these lines: events as JSON, and text as it is. */
export function sageFile(...lines: (object | string)[]): string {
  const file = sagePath();
  writeFileSync(
    file,
    lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join(''),
  );
  return file;
}

/** What the types forbid. */
export const wrong = (value: unknown) => value as never;
