/**
 * What is done when the process, or this worker thread, exits: by one listener, in one order, for all copies
 * of the package together.
 */

/**
 * In this order. What was appended matters most, and is written first. Temporary files are removed before the
 * lock files, so that nobody who takes such a lock next finds one.
 */
const stages = ['write pending appends', 'remove temporary files', 'remove lock files'] as const;

export type ExitStage = (typeof stages)[number];

/** A version of the package that needs another form of this takes another symbol. */
interface Exit {
  readonly tasks: Map<ExitStage, Set<() => void>>;
  begun: boolean;
}

const key = Symbol.for('holdfast.exit');

/**
 * What the copies in this thread share, on its `process`: a test runner that resets its module registry loads
 * a copy for each test file, and Node warns of the eleventh listener. One per thread, on purpose: each has
 * its own `exit` event.
 */
const shared = process as { [key]?: Exit };
const exit = shared[key] ?? { tasks: new Map(), begun: false };
shared[key] = exit;

/**
 * Has `task` run at this stage of the exit. The same task may be passed here any number of times.
 */
export function atExit(stage: ExitStage, task: () => void): void {
  if (exit.tasks.size === 0) process.on('exit', runTasks);
  const tasks = exit.tasks.get(stage) ?? new Set();
  exit.tasks.set(stage, tasks.add(task));
}

/**
 * True from the stages on. No later turn of the event loop exists; other listeners of `exit` may still call
 * us.
 */
export function isExiting(): boolean {
  return exit.begun;
}

function runTasks(): void {
  exit.begun = true;
  for (const stage of stages) for (const task of exit.tasks.get(stage) ?? []) task();
}
