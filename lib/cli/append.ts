/**
 * `holdfast append FILE`: appends events from standard input.
 */
import { fstatSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Durability } from '../base/durability.js';
import { HoldfastError, invalid, type ValidationError } from '../base/errors.js';
import type { Chronicle } from '../chronicle/chronicle.js';
import type { ChronicleOptions, Dedupe } from '../chronicle/options.js';
import type { AppendResult } from '../chronicle/results.js';
import { openChronicle } from '../engines/file/open-chronicle.js';
import type { CorruptReason } from '../event/corrupt-line.js';
import { addressIn } from './address.js';
import { wordsFor } from './damage-report.js';
import { exitCodeHelp, exitCodes } from './exit-codes.js';
import { type InputLine, inputLines } from './input-lines.js';
import { untilInterrupted } from './interruption.js';
import { remote } from './load-remote.js';
import { messageOf } from './messages.js';
import {
  durabilityOption,
  fileOrAddress,
  idKeyOption,
  jsonOption,
  maxLineBytesOption,
  timeoutOption,
} from './options.js';
import { counted, keepGoingWithoutReader, printJson, say } from './output.js';
import type { Opened } from './remote.js';

interface Options {
  idKey: string;
  id: boolean;
  dedupe?: Dedupe;
  chain?: boolean;
  durability: Durability;
  timeout: number;
  maxLineBytes: number;
  json?: boolean;
  verbose?: boolean;
}

export function appendCommand(): Command {
  return new Command('append')
    .summary('append events from standard input')
    .description(
      'Appends events to FILE, a JSON object on each line of standard input, in their order. FILE and the directories ' +
        'above it are made if they are missing. Says nothing if all goes well; with --json, a line for each ' +
        'event when it is there to stay. Lines that are no event are named on standard error and left out. ' +
        'Events are written as they come, numbers with all their digits.',
    )
    .argument('<file>', fileOrAddress)
    .addOption(idKeyOption())
    .addOption(new Option('--no-id', 'give no id to events that carry none').conflicts('chain'))
    .option(
      '--dedupe <how>',
      'leave out events whose id one of the last <number> events has, or any (all), the last one (consecutive), or none (off) (default: 10000)',
      dedupe,
    )
    .option('--chain', 'link every event to the one before it; needed for a FILE that has a chain')
    .addOption(
      maxLineBytesOption('refuse longer events, and longer lines of the input').default(
        8 * 1024 * 1024,
        '8 MiB',
      ),
    )
    .addOption(durabilityOption())
    .addOption(timeoutOption())
    .addOption(
      jsonOption('acknowledge each event: { line, offset, next, eventId, duplicate }, or { line, error }'),
    )
    .option('-v, --verbose', 'say on standard error how many were appended')
    .addHelpText(
      'after',
      `
On Ctrl-C, what is on its way is appended and acknowledged, and nothing more is read. If the lock is not free in time,
or the file system fails a call, it ends at once, and says which lines were not appended.

${exitCodeHelp}

Example: echo '{"type":"order","number":17}' | holdfast append --json orders.ndjson`,
    )
    .action(run);
}

function dedupe(text: string): Dedupe {
  if (text === 'off') return false;
  if (text === 'all' || text === 'consecutive') return text;
  const window = Number(text);
  if (/^\d+$/.test(text) && window > 0 && Number.isSafeInteger(window)) return { window };
  throw new InvalidArgumentError('Expected a number from 1 on, all, consecutive or off.');
}

async function run(file: string, options: Options): Promise<void> {
  // Node takes one for an empty file.
  if (fstatSync(0).isDirectory()) throw invalid('standard input', 'is a directory');
  keepGoingWithoutReader();
  const interrupted = untilInterrupted();
  const settings: ChronicleOptions = {
    idKey: options.idKey,
    computeId: options.id,
    ...(options.chain && { chain: true }),
    durability: options.durability,
    lockTimeout: options.timeout,
    maxLineBytes: options.maxLineBytes,
    ...(options.dedupe !== undefined && { dedupe: options.dedupe }),
  };
  const address = addressIn(file, 'chronicle');
  const { chronicle, close } = address
    ? await remote().openRemote(address, settings)
    : await openLocal(file, settings);
  const input = new Input(chronicle, options);
  try {
    // The input ends, not the append: what is under way is acknowledged first.
    addAbortSignal(interrupted, process.stdin);
    for await (const lines of inputLines(process.stdin, options.maxLineBytes)) await input.append(lines);
  } catch (error) {
    throw interrupted.aborted ? interrupted.reason : error;
  } finally {
    await close();
    if (options.verbose) input.say();
  }
  if (input.rejected > 0) process.exitCode = exitCodes.failed;
}

async function openLocal(file: string, settings: ChronicleOptions): Promise<Opened> {
  const chronicle = await openChronicle(file, settings);
  return { chronicle, close: () => chronicle.close() };
}

class Input {
  readonly #chronicle: Chronicle;
  readonly #options: Options;
  #appended = 0;
  #duplicates = 0;
  rejected = 0;

  constructor(chronicle: Chronicle, options: Options) {
    this.#chronicle = chronicle;
    this.#options = options;
  }

  /** Appends the events of these lines in one batch. */
  async append(lines: readonly InputLine[]): Promise<void> {
    const events = lines.map(({ text }) => text).filter((text) => text !== undefined);
    let results: AppendResult[];
    try {
      results = await this.#chronicle.appendManyJson(events);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'EVALIDATION' && error.field.startsWith('jsons')) {
        if (lines.length === 1) return this.#reject(lines[0]?.number ?? 0, messageOf(inEvent(error)));
        // An invalid event fails its whole batch, and nothing of it was written.
        for (const line of lines) await this.append([line]);
        return;
      }
      const [first, last] = [lines[0]?.number, lines.at(-1)?.number];
      say(`not appended: line ${first}${first === last ? '' : ` to ${last}`}, and what stands behind`);
      throw error;
    }
    for (const { number, text, reason } of lines) {
      if (reason) await this.#reject(number, this.#problem(reason));
      else if (text !== undefined) await this.#acknowledge(number, results.shift() as AppendResult);
    }
  }

  say(): void {
    const rejected = this.rejected === 0 ? '' : `, ${counted(this.rejected, 'line')} refused`;
    say(`${counted(this.#appended, 'event')} appended, ${counted(this.#duplicates, 'duplicate')}${rejected}`);
  }

  async #acknowledge(line: number, result: AppendResult): Promise<void> {
    if (result.duplicate) this.#duplicates++;
    else this.#appended++;
    if (this.#options.json) await printJson({ line, ...result });
  }

  async #reject(line: number, error: string): Promise<void> {
    this.rejected++;
    say(`line ${line}: ${error}`);
    if (this.#options.json) await printJson({ line, error });
  }

  #problem(reason: CorruptReason): string {
    if (reason === 'long') return `longer than ${this.#options.maxLineBytes} bytes (--max-line-bytes)`;
    return reason === 'object' ? 'no JSON object' : wordsFor[reason];
  }
}

/** An invalid event, which was one of several to the chronicle. */
function inEvent({ field, message }: ValidationError): HoldfastError {
  const problem = message.slice(message.indexOf(`${field}: `) + field.length + 2);
  const advice = problem.includes('more digits') ? ': give it an id, or use --no-id' : '';
  return invalid(field.replace(/^jsons\[\d+\]/, 'event'), problem + advice);
}
