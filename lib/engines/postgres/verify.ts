/**
 * Verifying a chronicle: every line is read, its id compared with the event, and the places compared with each other.
 */
import { throwIfAborted } from '../../base/abort.js';
import { invalid } from '../../base/errors.js';
import type { VerifyQuery } from '../../chronicle/call-options.js';
import type { Verification } from '../../chronicle/results.js';
import { Findings } from '../file/upkeep/verify.js';
import { checkNoFiles, type Source } from './read.js';

export async function verify(
  { name, pages, settings }: Source,
  { ids, chain, onProgress, signal, files }: VerifyQuery,
): Promise<Verification> {
  throwIfAborted(signal);
  if (chain) throw invalid('chain', 'a chronicle on PostgreSQL has no chain');
  checkNoFiles(files);
  const lines = new Findings(name, ids ? settings.idKey : undefined);
  lines.begin(name);
  const { begins, ends } = await pages.head();
  const total = ends - begins;
  for (let from = begins; from < ends; ) {
    const page = await pages.page({
      from,
      to: ends,
      reverse: false,
      limit: Number.MAX_SAFE_INTEGER,
      needles: undefined,
    });
    throwIfAborted(signal);
    // Removed meanwhile, as too old.
    if (!page.lines) break;
    lines.add(page.lines.batch);
    from = page.lines.end;
    onProgress?.({ done: from - begins, total });
  }
  // Offsets count from the first event that there ever was.
  return { ...lines.report(undefined), bytes: total };
}
