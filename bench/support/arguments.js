/**
 * Command line options: positive numbers, each with a default.
 */
import { parseArgs } from 'node:util';

/**
 * @param {Record<string, number>} defaults
 * @returns {Record<string, number>}
 */
export function numbersFromCommandLine(defaults) {
  const names = Object.keys(defaults);
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const { values } = parseArgs({ options });
  return Object.fromEntries(
    names.map((name) => {
      const number = values[name] === undefined ? defaults[name] : Number(values[name]);
      if (!(number > 0 && number < Number.POSITIVE_INFINITY))
        throw new Error(`--${name}: expected a number above 0`);
      return [name, number];
    }),
  );
}
