/** Files for the tests of chronicles. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Chronicle, type ChronicleOptions, openChronicle } from 'holdfast';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './files.js';

/** A path in a new directory, where nothing is yet. */
export function newFile(parent?: string): string {
  return join(temporaryDirectory(parent), 'chronicle');
}

/** A new file that holds this. */
export function fileWith(content: string | Uint8Array): string {
  const file = newFile();
  writeFileSync(file, content);
  return file;
}

/** As nobody has written to it just now: a reader waits a moment for the rest of a torn line that is new. */
export function writeLongAgo(file: string, content: string | Uint8Array): void {
  writeFileSync(file, content);
  utimesSync(file, 1e9, 1e9);
}

/** A chronicle whose file holds this, closed when the test ends. */
export async function chronicleOf(
  content: string | Uint8Array,
  options?: ChronicleOptions,
): Promise<Chronicle> {
  const chronicle = await openChronicle(fileWith(content), options);
  onTestFinished(() => chronicle.close());
  return chronicle;
}
