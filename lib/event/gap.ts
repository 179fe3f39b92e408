/**
 * Events that a reader should have got and that are gone, and what becomes of that.
 */
import type { HoldfastError } from '../base/errors.js';

/**
 * What to do where events are gone (`EGAP`): throw it, go on with what is there and warn (`process.emitWarning`), or go
 * on and call a function.
 */
export type OnGap = 'throw' | 'continue' | ((gap: HoldfastError) => void);

export function reportGap(gap: HoldfastError, onGap: OnGap): void {
  if (onGap === 'throw') throw gap;
  if (typeof onGap === 'function') onGap(gap);
  else process.emitWarning(gap.message, { type: 'HoldfastWarning', code: 'HOLDFAST_GAP' });
}
