/**
 * Histories of chronicles: what several callers in several processes have asked of one, of which some are killed, and
 * what was answered when.
 */
import type { JsonObject } from 'holdfast';
import { openAt } from '../../programs/open-at.mjs';
import { toArray } from '../../support/iterate.js';
import { Program } from '../../support/processes.js';
import type { Random } from '../prove.js';
import type { ChronicleOperation, Input, Output } from './chronicle-model.js';

interface Message {
  readonly opened?: true;
  readonly finished?: true;
  readonly caller: number;
  readonly input?: Input;
  readonly call: string;
  readonly output?: Output;
  /** Of a conflict. */
  readonly end?: number;
  readonly return: string;
}

const callers = 2;

/**
 * Four operations for each caller. Few ids, so that there are duplicates; some append where they believe the
 * end.
 */
function plansOf(random: Random, name: string): object[][] {
  return Array.from({ length: callers }, (_, caller) =>
    Array.from({ length: 4 }, (_, number) => {
      const eventId = random.below(3) === 0 ? `shared${random.below(2)}` : `${name}.${caller}.${number}`;
      return random.below(4) === 0
        ? { kind: 'read' }
        : { kind: 'append', eventId, atEnd: random.below(3) === 0 };
    }),
  );
}

/** Lets a process do its part, until it has finished or is killed after `max` messages. */
async function historyOf(program: Program, max: number): Promise<ChronicleOperation[]> {
  const history: ChronicleOperation[] = [];
  const open = new Map<number, { readonly input: Input; readonly call: bigint }>();
  const take = (message: Message): void => {
    const { caller, input, output } = message;
    if (input) open.set(caller, { input, call: BigInt(message.call) });
    const begun = open.get(caller);
    if (!output || !begun) return;
    open.delete(caller);
    const done = { ...begun, return: BigInt(message.return) };
    history.push({ ...done, output });
    if (message.end !== undefined) {
      history.push({ ...done, input: { kind: 'end' }, output: { kind: 'end', end: message.end } });
    }
  };
  program.send({ order: 'go' });
  for (let heard = 0; heard < max; heard++) {
    const message = await program.next<Message>();
    if (message.finished) return history;
    take(message);
  }
  await program.kill();
  for (const message of program.taken() as Message[]) take(message);
  for (const begun of open.values()) history.push({ ...begun, output: undefined, return: undefined });
  return history;
}

/**
 * A history of 3 processes on the chronicle at an address, and what is read at its end. One in three has a killed
 * process in it. `programs` are used again.
 */
export async function takeHistory(
  random: Random,
  programs: Program[],
  address: string,
): Promise<ChronicleOperation[]> {
  const options = { lockTimeout: 60_000 } as const;
  for (let index = 0; index < 3; index++) {
    const program = programs[index] ?? new Program('historian');
    programs[index] = program;
    program.send({ order: 'open', file: address, options, plans: plansOf(random, `process${index}`) });
  }
  for (const program of programs) await program.next();
  const killed = random.below(9);
  const parts = await Promise.all(
    programs.map((program, index) =>
      historyOf(program, index === killed ? random.below(16) : Number.POSITIVE_INFINITY),
    ),
  );
  if (killed < programs.length) programs.splice(killed, 1);

  const call = process.hrtime.bigint();
  const { chronicle, close } = await openAt(address, options);
  const eventIds: string[] = [];
  for (const { event } of await toArray(chronicle.read())) {
    eventIds.push((event as JsonObject).eventId as string);
  }
  const output = { kind: 'read', eventIds } as const;
  const last = { input: { kind: 'read' } as const, output, call, return: process.hrtime.bigint() };
  await close();
  return [...parts.flat(), last];
}

/** A history in a message. */
export function storyOf(history: readonly ChronicleOperation[]): string {
  return JSON.stringify(history, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
}
