/** Files for the tests of chronicles. */
import { writeFileSync } from 'node:fs';
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

/** A chronicle whose file holds this, closed when the test ends. */
export async function chronicleOf(
  content: string | Uint8Array,
  options?: ChronicleOptions,
): Promise<Chronicle> {
  const chronicle = await openChronicle(fileWith(content), options);
  onTestFinished(() => chronicle.close());
  return chronicle;
}
