/**
 * At the exit, pending appends are written before temporary files are removed, and these before lock files.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/files.js';
import { Program } from '../support/processes.js';

it('keeps its order, whichever of the three was used first', async () => {
  const directory = temporaryDirectory();
  const program = new Program('exit-order', join(directory, 'file'));
  expect(await program.next()).toEqual({ appended: false, temporary: true, locked: true });
  expect(await program.next()).toEqual({ appended: true, temporary: true, locked: true });
  expect(await program.next()).toEqual({ appended: true, temporary: false, locked: true });
  expect(await program.exited).toBe(0);
  expect(readdirSync(directory)).toEqual(['file']);
});
