/**
 * What housekeeping could not do, as the writer tells it, by the names that users read.
 */
import { systemError } from '../../../base/errors.js';
import type { CommitLog } from '../../../chronicle/stats.js';
import { problemKind, type RawProblem } from '../../../native/protocol.js';

const names = {
  [problemKind.rotation]: 'rotation',
  [problemKind.removal]: 'removal',
  [problemKind.foreign]: 'foreign',
} as const;

/** @param path of the chronicle */
export function recordProblems(problems: readonly RawProblem[], path: string, log: CommitLog): void {
  for (const { kind, error, count } of problems) {
    const system = systemError(error, path);
    log.recordProblem({ path, problem: names[kind], file: system.path ?? path, count, error: system });
  }
}
