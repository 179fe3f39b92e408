/**
 * Whether a history of concurrent operations could have come from one that did them one after the other, each
 * at some moment between its call and its return (Herlihy and Wing 1990). Searches as Wing and Gong (1993)
 * do, with the memory of Lowe (2017): the same operations done, with the same state behind them, are not
 * looked at twice.
 */

export interface Operation<Input, Output> {
  readonly input: Input;
  /**
   * Undefined where nobody heard of it: the operation may have been done at any time since its call, or
   * never.
   */
  readonly output: Output | undefined;
  /** Times of one clock. */
  readonly call: bigint;
  readonly return: bigint | undefined;
}

export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after the operation, or undefined where it cannot have had this output. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** The same text for the same state. */
  key(state: State): string;
}

export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): boolean {
  const operations = history.toSorted((a, b) => (a.call < b.call ? -1 : 1));
  const done = new Array<boolean>(operations.length).fill(false);
  const seen = new Set<string>();

  const search = (state: State, left: number): boolean => {
    if (left === 0) return true;
    const key = `${done.map(Number).join('')} ${model.key(state)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    // What was called after another had returned cannot come before it.
    let firstReturn: bigint | undefined;
    operations.forEach((operation, index) => {
      if (done[index] || operation.return === undefined) return;
      if (firstReturn === undefined || operation.return < firstReturn) firstReturn = operation.return;
    });
    // All that are left were never heard of, and may never have been done.
    if (firstReturn === undefined) return true;
    for (const [index, operation] of operations.entries()) {
      if (operation.call > firstReturn) break;
      if (done[index]) continue;
      const next = model.step(state, operation.input, operation.output);
      if (next === undefined) continue;
      done[index] = true;
      if (search(next, left - 1)) return true;
      done[index] = false;
    }
    return false;
  };
  return search(model.initial, operations.length);
}
