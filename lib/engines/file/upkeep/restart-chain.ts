/**
 * Beginning a new chain where the old one does not hold: with an event that names the last link of the old
 * one. Nothing of the old chain is touched, so what was wrong with it can still be seen.
 */
import { HoldfastError, withIoErrors } from '../../../base/errors.js';
import { followLinksToWrite, type NativePath } from '../../../base/paths.js';
import type { Settings } from '../../../chronicle/options.js';
import type { AppendResult, ChainRestart, Position } from '../../../chronicle/results.js';
import { restartKey } from '../../../event/chain-link.js';
import { type EventLine, lineOfEvent } from '../../../event/event-line.js';
import { chainMode } from '../../../native/protocol.js';
import { Appender } from '../append/appender.js';
import { type LastLink, lastLink } from '../read/head.js';

export async function restartChain(path: NativePath, settings: Settings): Promise<ChainRestart> {
  const target = await withIoErrors(followLinksToWrite(path), path);
  const appender = new Appender(target, restartSettings(settings), chainMode.restart);
  try {
    await appender.open();
    return await appendRestart(
      path.toString(),
      settings,
      () => lastLink(path, settings),
      (line, end) => new Promise((resolve, reject) => appender.append(line, end, resolve, reject)),
    );
  } finally {
    await appender.close();
  }
}

/** Those of the writer: it writes the event wherever there is one like it. */
export function restartSettings<S extends Settings>(settings: S): S {
  return { ...settings, chain: true, window: 0, dedupes: false, rotation: undefined };
}

/**
 * @param path of the chronicle, or what it is called
 * @param last the last link, and where the chronicle ends
 * @param append with `ifEnd`
 */
export async function appendRestart(
  path: string,
  settings: Settings,
  last: () => Promise<LastLink>,
  append: (line: EventLine, end: Position) => Promise<AppendResult>,
): Promise<ChainRestart> {
  for (let end: number | undefined; ; ) {
    const { head, end: lastEnd } = await last();
    const event = { [restartKey]: { after: head?.link, at: new Date().toISOString() } };
    const line = lineOfEvent(event, 'event', {
      ...settings,
      schema: undefined,
      computeId: true,
      chain: true,
    });
    try {
      const { offset } = await append(line, end ?? lastEnd);
      return { path, offset, after: head?.link };
    } catch (error) {
      // Somebody has appended, or there is a tail that is no event: what is before this end counts.
      if (!(error instanceof HoldfastError && error.code === 'ECONFLICT')) throw error;
      end = error.end;
    }
  }
}
