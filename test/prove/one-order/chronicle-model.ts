/**
 * A chronicle as it would be if there were one caller: what each call answers, by what is in the file. A
 * conflict is two operations: that the file did not end there, and then where it ends, which may be behind
 * events that came meanwhile.
 */
import type { Model, Operation } from './linearizable.js';

export type Input =
  | { readonly kind: 'append'; readonly eventId: string; readonly length: number; readonly ifEnd?: number }
  | { readonly kind: 'read' }
  | { readonly kind: 'end' };

export type Output =
  | { readonly kind: 'appended'; readonly offset: number; readonly duplicate: boolean }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'end'; readonly end: number }
  | { readonly kind: 'read'; readonly eventIds: readonly string[] };

export type ChronicleOperation = Operation<Input, Output>;

interface Line {
  readonly eventId: string;
  readonly offset: number;
  readonly end: number;
}

export const chronicleModel: Model<readonly Line[], Input, Output> = {
  initial: [],
  key: (lines) => lines.map(({ eventId }) => eventId).join(),
  step(lines, input, output) {
    if (input.kind === 'read') {
      if (output === undefined) return lines;
      const same =
        output.kind === 'read' && output.eventIds.join() === lines.map(({ eventId }) => eventId).join();
      return same ? lines : undefined;
    }
    const end = lines.at(-1)?.end ?? 0;
    if (input.kind === 'end') return output?.kind === 'end' && output.end !== end ? undefined : lines;
    const { eventId, length, ifEnd } = input;
    const copy = lines.find((line) => line.eventId === eventId);
    const appended = [...lines, { eventId, offset: end, end: end + length }];
    const conflicts = !copy && ifEnd !== undefined && ifEnd !== end;
    if (output === undefined) return copy || conflicts ? lines : appended;
    switch (output.kind) {
      case 'read':
      case 'end':
        return undefined;
      case 'conflict':
        return conflicts ? lines : undefined;
      case 'appended': {
        if (conflicts || output.duplicate !== (copy !== undefined)) return undefined;
        if (output.offset !== (copy?.offset ?? end)) return undefined;
        return copy ? lines : appended;
      }
    }
  },
};
