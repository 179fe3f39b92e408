/**
 * Beginning a new chain where the old one does not hold: with an event that names the last link of the old
 * one. Nothing of the old chain is touched, so what was wrong with it can still be seen.
 */
import { HoldfastError } from '../../../base/errors.js';
import type { NativePath } from '../../../base/paths.js';
import { arrayOf } from '../../../chronicle/batches.js';
import { checkReadRange } from '../../../chronicle/call-options.js';
import type { Settings } from '../../../chronicle/options.js';
import type { AppendResult, ChainRestart } from '../../../chronicle/results.js';
import { isLink, linkKey, restartKey } from '../../../event/chain-link.js';
import { lineOfEvent } from '../../../event/event-line.js';
import { chainMode } from '../../../native/protocol.js';
import { Appender } from '../append/appender.js';
import { readBatches } from '../read/read.js';

/** Among so many of the last events one has a link, if the chronicle has a chain. */
const lastEvents = 100;

/** The last link of a chronicle, also if events were put in after it, and where its last event ends. */
async function lastLink(
  path: NativePath,
  settings: Settings,
): Promise<{ link: string | undefined; end: number }> {
  const query = checkReadRange({ reverse: true, limit: lastEvents });
  const last = await arrayOf(readBatches(path, { ...settings, schema: undefined, onCorrupt: 'skip' }, query));
  return { link: last.map(({ event }) => event[linkKey]).find(isLink), end: last[0]?.next ?? 0 };
}

/** Whether the chronicle has a chain. */
export async function hasChain(path: NativePath, settings: Settings): Promise<boolean> {
  return (await lastLink(path, settings)).link !== undefined;
}

export async function restartChain(path: NativePath, settings: Settings): Promise<ChainRestart> {
  const appender = new Appender(path, { ...settings, chain: true, window: 0 }, chainMode.restart);
  try {
    await appender.open();
    for (let end: number | undefined; ; ) {
      const last = await lastLink(path, settings);
      const event = { [restartKey]: { after: last.link, at: new Date().toISOString() } };
      const line = lineOfEvent(event, 'event', {
        ...settings,
        schema: undefined,
        computeId: true,
        chain: true,
      });
      try {
        const { offset } = await new Promise<AppendResult>((resolve, reject) => {
          appender.append(line, end ?? last.end, resolve, reject);
        });
        return { path: path.toString(), offset, after: last.link };
      } catch (error) {
        // Somebody has appended, or there is a tail that is no event: what is before this end counts.
        if (!(error instanceof HoldfastError && error.code === 'ECONFLICT')) throw error;
        end = error.end;
      }
    }
  } finally {
    await appender.close();
  }
}
