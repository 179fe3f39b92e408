/**
 * One of the processes that append: opens a handle of its own on the chronicle, sends its events, and tells
 * the parent of each acknowledgement at once, so that what it knew is not lost when it is killed.
 */
import { once } from 'node:events';
import { openChronicle } from '../../lib/index.js';
import { type DemoEvent, eventsOf } from './input.mjs';

/** The parent's first message. Its second, which is empty, says to begin. When all is done it disconnects. */
export interface Job {
  readonly file: string;
  readonly writer: string;
  readonly inputs: readonly DemoEvent[];
  readonly rounds: number;
  /** The number of events that are remembered for deduplication. */
  readonly window: number;
}

/** An append that was acknowledged. */
export interface Acknowledgement {
  readonly id: string;
  readonly duplicate: boolean;
  /** From the call to its acknowledgement. */
  readonly milliseconds: number;
}

/**
 * What a writer says: that it is ready, what was sent and acknowledged since it last said so, that all is
 * done.
 */
export type WriterMessage =
  | { readonly kind: 'ready' | 'finished' }
  | {
      readonly kind: 'progress';
      readonly sent: number;
      readonly acknowledgements: readonly Acknowledgement[];
    };

/** Appends that a writer has under way at a time. */
const callers = 32;

function tell(message: WriterMessage): void {
  process.send?.(message);
}

/** Tells the parent what happened in this turn of the event loop, before the next one begins. */
class Progress {
  #sent = 0;
  #acknowledgements: Acknowledgement[] = [];
  #scheduled = false;

  sent(): void {
    this.#sent++;
    this.#schedule();
  }

  acknowledged(acknowledgement: Acknowledgement): void {
    this.#acknowledgements.push(acknowledgement);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => this.tell());
  }

  tell(): void {
    if (!this.#scheduled) return;
    tell({ kind: 'progress', sent: this.#sent, acknowledgements: this.#acknowledgements });
    this.#sent = 0;
    this.#acknowledgements = [];
    this.#scheduled = false;
  }
}

async function write({ file, writer, inputs, rounds, window }: Job): Promise<void> {
  // Where the machine is so busy that a writer waits longer than this for the lock, the demo fails.
  await using chronicle = await openChronicle<DemoEvent>(file, { dedupe: { window }, lockTimeout: 60_000 });
  const begin = once(process, 'message');
  tell({ kind: 'ready' });
  await begin;

  const progress = new Progress();
  const events = eventsOf(writer, inputs, rounds); // one iterator for all callers: each takes the next event
  const call = async (): Promise<void> => {
    for (const event of events) {
      progress.sent();
      const called = performance.now();
      const { eventId, duplicate } = await chronicle.append(event);
      const milliseconds = performance.now() - called;
      progress.acknowledged({ id: eventId as string, duplicate, milliseconds });
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  progress.tell();
}

// Ctrl-C reaches the whole process group; the parent ends its writers itself.
process.on('SIGINT', () => {});
// The parent disconnects when this process has finished; earlier only where the parent itself has died.
let finished = false;
process.once('disconnect', () => process.exit(finished ? 0 : 1));
process.once('error', () => process.exit(1)); // nor can it be told anything then
const [job] = (await once(process, 'message')) as [Job];
await write(job);
finished = true;
tell({ kind: 'finished' });
