/**
 * Command line options: positive numbers, each with a default (undefined: none).
 */
import { parseArgs } from 'node:util';

/**
 * @param {Record<string, number | undefined>} defaults
 * @returns {Record<string, number | undefined>}
 */
export function numbersFromCommandLine(defaults) {
  const names = Object.keys(defaults);
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const { values } = parseArgs({ options });
  return Object.fromEntries(
    names.map((name) => {
      if (values[name] === undefined) return [name, defaults[name]];
      const number = Number(values[name]);
      if (!(number > 0 && number < Number.POSITIVE_INFINITY))
        throw new Error(`--${name}: expected a number above 0`);
      return [name, number];
    }),
  );
}
