/**
 * One order: appends, duplicates, `ifEnd` and reads of several callers in several processes, of which some
 * are killed, could have been done one after the other.
 */
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { memory, temporaryDirectory } from '../../support/files.js';
import type { Program } from '../../support/processes.js';
import { prove, Random } from '../prove.js';
import { chronicleModel } from './chronicle-model.js';
import { storyOf, takeHistory } from './histories.js';
import { isLinearizable } from './linearizable.js';

describe('one order', () => {
  prove(
    'one order',
    'histories of 3 processes with 2 callers each, some killed',
    { quick: 15, full: 1000, unit: 'histories' },
    async (tally) => {
      const random = new Random();
      const directory = temporaryDirectory(memory);
      const programs: Program[] = [];
      let operations = 0;
      for (; tally.hasBudget; tally.count++) {
        const history = await takeHistory(random, programs, join(directory, `${tally.count}`));
        expect(isLinearizable(chronicleModel, history), storyOf(history)).toBe(true);
        operations += history.length;
      }
      tally.found = `nothing (${operations} operations)`;
    },
  );
});
