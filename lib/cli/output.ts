/**
 * What the commands write: data and reports to standard output, messages and progress to standard error.
 */
import { styleText } from 'node:util';
import { exitCodes } from './exit-codes.js';
import { VisibleBytes, visible } from './terminal.js';

/** The state of this process's standard output. */
let keepsGoing = false;
let readerIsGone = false;
/** Ends a wait for the reader. */
let wakePrint: () => void = () => {};

/** The reader of the output is gone (`… | head`): the command ends without a message. Any other failure is one. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (readerIsGone) return; // of what was under way
  readerIsGone = true;
  if (error.code !== 'EPIPE') {
    say(`the output cannot be written: ${error.message}`);
    process.exitCode = exitCodes.failed;
  }
  if (!keepsGoing) process.exit();
  wakePrint();
});
process.stderr.on('error', () => {});

/** Lets a command go on when the reader of its output is gone. */
export function keepGoingWithoutReader(): void {
  keepsGoing = true;
}

const content = new VisibleBytes();

/**
 * Writes to standard output, and waits while its reader is slower. Bytes are what a file holds: on a terminal, what
 * would control it is escaped.
 */
export async function print(data: string | Uint8Array): Promise<void> {
  const shown = typeof data !== 'string' && process.stdout.isTTY ? content.next(data) : data;
  if (readerIsGone || shown.length === 0 || process.stdout.write(shown)) return;
  await new Promise<void>((resolve) => {
    wakePrint = resolve;
    process.stdout.once('drain', resolve);
  });
}

/** What others wrote, for standard output. */
export function shown(text: string): string {
  return process.stdout.isTTY ? visible(text) : text;
}

export async function printJson(value: unknown): Promise<void> {
  await print(`${shown(JSON.stringify(value))}\n`);
}

/** Writes a message that is not part of the output. */
export function say(message: string): void {
  writeError(`holdfast: ${message}\n`);
}

/** The same as it is; it may hold what others wrote. */
export function writeError(text: string): void {
  process.stderr.write(process.stderr.isTTY ? visible(text) : text);
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

/** In colour on a terminal, unless the user wants none (https://no-color.org). */
export function style(format: Style, text: string): string {
  const wanted = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? styleText(format, shown(text), { validateStream: false }) : shown(text);
}

/** Rows of a label and a value, in two columns. */
export function table(rows: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${style('dim', label.padEnd(width))}  ${value}\n`).join('');
}

export function count(number: number): string {
  return number.toLocaleString('en');
}

/** A count with its noun: `1 line`, `2 lines`. */
export function counted(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
