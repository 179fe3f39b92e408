/**
 * What is done when the process, or this worker thread, exits: by one listener, in one order.
 */

/**
 * In this order. What was appended matters most, and is written first. Temporary files are removed before the
 * lock files, so that nobody who takes such a lock next finds one.
 */
const stages = ['write pending appends', 'remove temporary files', 'remove lock files'] as const;

export type ExitStage = (typeof stages)[number];

/** One set per thread, on purpose: each thread has its own `exit` event. */
const tasks = new Map<ExitStage, () => void>();
let exiting = false;

/**
 * Has `task` run at this stage of the exit. A stage has one task, which its module may pass here any number
 * of times.
 */
export function atExit(stage: ExitStage, task: () => void): void {
  if (tasks.size === 0) process.on('exit', runTasks);
  tasks.set(stage, task);
}

/**
 * True from the stages on. No later turn of the event loop exists; other listeners of `exit` may still call
 * us.
 */
export function isExiting(): boolean {
  return exiting;
}

function runTasks(): void {
  exiting = true;
  for (const stage of stages) tasks.get(stage)?.();
}
