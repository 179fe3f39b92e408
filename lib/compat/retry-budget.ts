/**
 * For how long proper-lockfile's `retries` would keep trying.
 */
import { checkOptions } from '../base/arguments.js';
import { invalid } from '../base/errors.js';

/** The options of the `retry` package, as proper-lockfile takes them. Times are milliseconds. */
export interface RetryBudgetOptions {
  /** How many attempts after the first. Default: 10. */
  retries?: number | undefined;
  /** Each delay is so many times the one before. Default: 2. */
  factor?: number | undefined;
  /** The first delay, in milliseconds. Default: 1000. */
  minTimeout?: number | undefined;
  /** The longest delay, in milliseconds. Default: no limit. */
  maxTimeout?: number | undefined;
  /** The delays would be up to twice as long; the budget is that of the shortest. Default: false. */
  randomize?: boolean | undefined;
  /** Try until `maxRetryTime` has passed. Default: false. */
  forever?: boolean | undefined;
  /** A limit for the whole, in milliseconds. Default: no limit. */
  maxRetryTime?: number | undefined;
  /** Accepted, and has no effect: a wait keeps the process alive. Default: false. */
  unref?: boolean | undefined;
}

/**
 * The sum of the delays between the attempts, min(maxTimeout, minTimeout * factor ^ i) for i from 0 to
 * retries - 1, in milliseconds. 0 means one try.
 */
export function retryBudget(retries: number | RetryBudgetOptions | null | undefined): number {
  if (!retries) return 0;
  const options: RetryBudgetOptions = checkOptions(
    typeof retries === 'number' ? { retries } : retries,
    undefined,
    'retries',
  );
  const attempts = number(options.retries, 10, 'retries.retries');
  const factor = number(options.factor, 2, 'retries.factor');
  const minTimeout = number(options.minTimeout, 1000, 'retries.minTimeout');
  const maxTimeout = number(options.maxTimeout, Number.POSITIVE_INFINITY, 'retries.maxTimeout');
  const maxRetryTime = number(options.maxRetryTime, Number.POSITIVE_INFINITY, 'retries.maxRetryTime');
  if (minTimeout > maxTimeout) throw invalid('retries.minTimeout', 'is greater than maxTimeout');
  if (options.forever || attempts === Number.POSITIVE_INFINITY) return maxRetryTime;
  let budget = 0;
  for (
    let i = 0, delay = Math.max(minTimeout, 1);
    i < attempts && budget < maxRetryTime;
    i++, delay *= factor
  ) {
    budget += Math.min(delay, maxTimeout);
  }
  return Math.min(budget, maxRetryTime);
}

function number(value: number | undefined, fallback: number, field: string): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
    throw invalid(field, `expected a number from 0 on, got ${String(value)}`);
  }
  return value;
}
