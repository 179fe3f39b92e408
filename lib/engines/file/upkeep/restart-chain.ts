/**
 * Beginning a new chain where the old one does not hold: with an event that names the last link of the old
 * one. Nothing of the old chain is touched, so what was wrong with it can still be seen.
 */
import { HoldfastError, withIoErrors } from '../../../base/errors.js';
import { followLinksToWrite, type NativePath } from '../../../base/paths.js';
import type { Settings } from '../../../chronicle/options.js';
import type { AppendResult, ChainRestart } from '../../../chronicle/results.js';
import { restartKey } from '../../../event/chain-link.js';
import { lineOfEvent } from '../../../event/event-line.js';
import { chainMode } from '../../../native/protocol.js';
import { Appender } from '../append/appender.js';
import { lastLink } from '../read/head.js';

export async function restartChain(path: NativePath, settings: Settings): Promise<ChainRestart> {
  const target = await withIoErrors(followLinksToWrite(path), path);
  const alone = { ...settings, chain: true, window: 0, dedupes: false, rotation: undefined };
  const appender = new Appender(target, alone, chainMode.restart);
  try {
    await appender.open();
    for (let end: number | undefined; ; ) {
      const { head, end: lastEnd } = await lastLink(path, settings);
      const event = { [restartKey]: { after: head?.link, at: new Date().toISOString() } };
      const line = lineOfEvent(event, 'event', {
        ...settings,
        schema: undefined,
        computeId: true,
        chain: true,
      });
      try {
        const { offset } = await new Promise<AppendResult>((resolve, reject) => {
          appender.append(line, end ?? lastEnd, resolve, reject);
        });
        return { path: path.toString(), offset, after: head?.link };
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
