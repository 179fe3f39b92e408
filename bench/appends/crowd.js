/**
 * Several processes that append to one file, or to one table, at the same time, with several callers each.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const worker = join(import.meta.dirname, 'worker.js');
const warmUpSeconds = 0.5;

/** When the measurement begins and ends, if everybody starts to warm up now. */
export function span(seconds, warmUp = warmUpSeconds) {
  const begin = process.hrtime.bigint() + BigInt(Math.round(warmUp * 1e9));
  return { begin: `${begin}`, end: `${begin + BigInt(Math.round(seconds * 1e9))}` };
}

/**
 * Appends per second that were acknowledged to the contender `name`, and the longest wait of any of them, in
 * nanoseconds.
 *
 * @param {string} name
 * @param {string} path what its `open` gets
 * @param {{ processes: number, callers: number, bytes: number, seconds: number, warmUp?: number, contenders?: string }} crowd
 *   `warmUp`: in seconds; `contenders`: the module of this directory that knows it
 */
export async function runCrowd(name, path, crowd) {
  const { processes, callers, bytes, seconds, warmUp, contenders = 'contenders.js' } = crowd;
  const start = async (process) => {
    const child = fork(worker, [contenders, name, path, process, callers, bytes].map(String));
    await answerOf(child);
    return child;
  };
  // One before the others: databases do not like to be created by several at once.
  const first = await start(0);
  const others = Array.from({ length: processes - 1 }, (_, number) => start(number + 1));
  const children = [first, ...(await Promise.all(others))];
  const message = span(seconds, warmUp);
  const answers = children.map(answerOf);
  for (const child of children) child.send(message);
  const reports = await Promise.all(answers);
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
  return {
    rate: reports.reduce((total, { acknowledged }) => total + acknowledged, 0) / seconds,
    longestWait: Math.max(...reports.map(({ longestWait }) => longestWait)),
  };
}

function answerOf(child) {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`a worker ended with exit code ${code}`)));
  });
}
