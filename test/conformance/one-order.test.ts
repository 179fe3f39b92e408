/** C2 and C5 on every engine: what several callers in several processes see could have been done one by one. */
import { describe, expect, it } from 'vitest';
import { chronicleModel } from '../prove/one-order/chronicle-model.js';
import { storyOf, takeHistory } from '../prove/one-order/histories.js';
import { isLinearizable } from '../prove/one-order/linearizable.js';
import { Random } from '../prove/prove.js';
import type { Program } from '../support/processes.js';
import { engines } from './engines.js';

const histories = 8;

describe.each(engines)('C2, C5, E2: one order, on $name', ({ missing, begin }) => {
  describe.skipIf(missing)(missing ?? 'here', () => {
    const newAddress = begin();

    it('histories of 3 processes with 2 callers each, some killed, are linearizable', async () => {
      const random = new Random();
      const programs: Program[] = [];
      for (let count = 0; count < histories; count++) {
        const history = await takeHistory(random, programs, newAddress());
        expect(isLinearizable(chronicleModel, history), storyOf(history)).toBe(true);
      }
    });
  });
});
