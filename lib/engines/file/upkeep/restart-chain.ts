/**
 * Beginning a new chain where the old one does not hold: with an event that names the last link of the old
 * one. Nothing of the old chain is touched, so what was wrong with it can still be seen.
 */
import { HoldfastError, withIoErrors } from '../../../base/errors.js';
import { followLinks, type NativePath } from '../../../base/paths.js';
import { checkReadRange } from '../../../chronicle/call-options.js';
import type { Settings } from '../../../chronicle/options.js';
import type { AppendResult, ChainRestart } from '../../../chronicle/results.js';
import { linkOfEvent, restartKey } from '../../../event/chain-link.js';
import { lineOfEvent } from '../../../event/event-line.js';
import { chainMode } from '../../../native/protocol.js';
import { Appender } from '../append/appender.js';
import { rotatedFiles } from '../lines/rotated-files.js';
import { readBatches } from '../read/read.js';

/** Among so many of the last events of a file one has a link, if the chronicle has a chain. */
const lastEvents = 10_000;

/** The last link of a chronicle, also if events were put in after it, and where its last event ends. */
async function lastLink(
  path: NativePath,
  settings: Settings,
): Promise<{ link: string | undefined; end: number }> {
  const own = await lastLinkIn(path, settings);
  for (const rotated of own.link === undefined ? (await rotatedFiles(path)).reverse() : []) {
    const { link } = await lastLinkIn(rotated, settings).catch(() => ({ link: undefined }));
    if (link !== undefined) return { link, end: own.end };
  }
  return own;
}

async function lastLinkIn(
  file: NativePath,
  settings: Settings,
): Promise<{ link: string | undefined; end: number }> {
  const query = checkReadRange({ reverse: true, limit: lastEvents });
  let end: number | undefined;
  for await (const entries of readBatches(
    file,
    { ...settings, schema: undefined, onCorrupt: 'skip' },
    query,
  )) {
    end ??= entries[0]?.next;
    const link = entries.map(({ event }) => linkOfEvent(event)).find((found) => found !== undefined);
    if (link !== undefined) return { link, end: end ?? 0 };
  }
  return { link: undefined, end: end ?? 0 };
}

/** Whether the chronicle has a chain. */
export async function hasChain(path: NativePath, settings: Settings): Promise<boolean> {
  return (await lastLink(path, settings)).link !== undefined;
}

export async function restartChain(path: NativePath, settings: Settings): Promise<ChainRestart> {
  const target = await withIoErrors(followLinks(path), path);
  const alone = { ...settings, chain: true, window: 0, rotation: undefined };
  const appender = new Appender(target, alone, chainMode.restart);
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
