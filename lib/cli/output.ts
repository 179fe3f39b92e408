/**
 * What the commands write: data and reports to standard output, messages and progress to standard error.
 */
import { styleText } from 'node:util';

/** Set by {@link keepGoingWithoutReader}. */
let keepsGoing = false;
let readerIsGone = false;
/** Ends a wait for the reader. */
let goOn: () => void = () => {};

/** Whoever read the output has enough of it (`… | head`): the command ends, and says nothing. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  readerIsGone = true;
  if (!keepsGoing) process.exit();
  goOn();
});
process.stderr.on('error', () => {});

/** For a command whose work does not consist in its output. */
export function keepGoingWithoutReader(): void {
  keepsGoing = true;
}

/** Writes to standard output, no faster than it is read. */
export async function print(data: string | Uint8Array): Promise<void> {
  if (readerIsGone || data.length === 0 || process.stdout.write(data)) return;
  await new Promise<void>((resolve) => {
    goOn = resolve;
    process.stdout.once('drain', resolve);
  });
}

export async function printJson(value: unknown): Promise<void> {
  await print(`${JSON.stringify(value)}\n`);
}

/** Says something that is not the output. */
export function say(message: string): void {
  process.stderr.write(`holdfast: ${message}\n`);
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

/** Colours are for terminals, and for those who want them (https://no-color.org). */
export function style(format: Style, text: string): string {
  const wanted = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? styleText(format, text, { validateStream: false }) : text;
}

/** Lines of a label and a value, with the values below each other. */
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
