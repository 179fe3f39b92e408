/**
 * How long proper-lockfile's `retries` would go on trying.
 */
import { checkOptions } from '../base/arguments.js';
import { invalid } from '../base/errors.js';

/** The options of the `retry` package, as proper-lockfile takes them. Times are milliseconds. */
export interface RetryOptions {
  /** Default: 10. */
  retries?: number;
  /** Default: 2. */
  factor?: number;
  /** Default: 1000. */
  minTimeout?: number;
  /** Default: no limit. */
  maxTimeout?: number;
  /** The delays would be up to twice as long; the budget is that of the shortest. */
  randomize?: boolean;
  forever?: boolean;
  /** A limit for the whole. Default: no limit. */
  maxRetryTime?: number;
  unref?: boolean;
}

/**
 * The sum of the delays between the attempts, min(maxTimeout, minTimeout * factor ^ i) for i from 0 to retries - 1, in
 * milliseconds. 0 means one try.
 */
export function retryBudget(retries: number | RetryOptions | null | undefined): number {
  if (!retries) return 0;
  const options: RetryOptions = typeof retries === 'number' ? { retries } : checkOptions(retries);
  const attempts = number(options.retries, 10, 'retries.retries');
  const factor = number(options.factor, 2, 'retries.factor');
  const shortest = number(options.minTimeout, 1000, 'retries.minTimeout');
  const longest = number(options.maxTimeout, Number.POSITIVE_INFINITY, 'retries.maxTimeout');
  const limit = number(options.maxRetryTime, Number.POSITIVE_INFINITY, 'retries.maxRetryTime');
  if (shortest > longest) throw invalid('retries.minTimeout', 'is greater than maxTimeout');
  if (options.forever || attempts === Number.POSITIVE_INFINITY) return limit;
  let budget = 0;
  for (let i = 0, delay = Math.max(shortest, 1); i < attempts && budget < limit; i++, delay *= factor) {
    budget += Math.min(delay, longest);
  }
  return Math.min(budget, limit);
}

function number(value: number | undefined, standard: number, field: string): number {
  if (value === undefined) return standard;
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
    throw invalid(field, `expected a number from 0 on, got ${String(value)}`);
  }
  return value;
}
