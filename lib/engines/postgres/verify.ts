/**
 * Verifying a chronicle: every line is read, its id compared with the event, and the places compared with each other; of
 * a chain, every link too.
 */
import { throwIfAborted } from '../../base/abort.js';
import { gapIn } from '../../base/errors.js';
import type { VerifyQuery } from '../../chronicle/call-options.js';
import type { Verification } from '../../chronicle/results.js';
import { ChainCheck } from '../file/upkeep/chain-check.js';
import { Findings } from '../file/upkeep/verify.js';
import { missing } from './failure.js';
import { checkNoFiles, type Source } from './read.js';

export async function verify(
  { name, pages, settings }: Source,
  { ids, chain, expect, onProgress, signal, files }: VerifyQuery,
): Promise<Verification> {
  throwIfAborted(signal);
  checkNoFiles(files);
  const { head, first, to } = await pages.extent();
  const { begins, ends } = head;
  const lines = new Findings(name, ids ? settings.idKey : undefined);
  lines.begin(name);
  const links = chain ? new ChainCheck(settings.idKey, expect, begins > 0 && first === begins) : undefined;
  let end = begins;
  for (let from = 0; ; ) {
    const { head: now, runs, next } = await pages.runs(from, to);
    throwIfAborted(signal);
    // Removed meanwhile, as too old.
    if (now.begins > end) {
      if (links) throw gapIn(name, { after: undefined, files: [], next: undefined });
      end = Math.min(now.begins, ends);
    }
    for (const run of runs) {
      // A chain tells what is wrong where places do not fit.
      if (!links && run.begin !== end)
        throw missing(`events before the offset ${run.begin} are missing`, name);
      lines.add(run);
      links?.add(name, run);
      end = run.end;
    }
    if (runs.length === 0) break;
    from = next;
    onProgress?.({ done: Math.min(end, ends) - begins, total: ends - begins });
  }
  if (!links && end !== ends) throw missing(`events from the offset ${end} on are missing`, name);
  if (ends > begins) links?.end(name, head.link);
  // Offsets count from the first event that there ever was.
  return { ...lines.report(links?.report()), bytes: ends - begins };
}
