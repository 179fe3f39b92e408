/**
 * The chain of a chronicle: how far it goes, who may go on with it, and how a new one is begun where it does not hold.
 */
import type { RepairOptions } from '../../chronicle/call-options.js';
import type { Head, Repair } from '../../chronicle/results.js';
import { refusal } from '../../native/protocol.js';
import { refusedByChain } from '../file/append/failure.js';
import { DamageCount } from '../file/upkeep/damage.js';
import { appendRestart } from '../file/upkeep/restart-chain.js';
import type { Appender } from './appender.js';
import { chainFailureOf } from './failure.js';
import type { PostgresSettings } from './options.js';
import type { Source } from './read.js';
import type { Session } from './session.js';
import { verify } from './verify.js';

/**
 * Refuses a writer that may not go on with the chronicle, as the server would at the first append. A chain that does not
 * hold can be opened: to be verified, and begun anew.
 */
export async function checkChain(
  session: Session,
  chronicle: number,
  isChained: boolean,
  name: string,
  { chain, idKey }: PostgresSettings,
): Promise<void> {
  if (!chain) {
    if (isChained) throw refusedByChain(refusal.isChained, name, idKey);
    return;
  }
  try {
    await session.query(`SELECT ${session.schema}.chain_end($1, $2, false)`, [chronicle, idKey]);
  } catch (error) {
    const refused = chainFailureOf(error, name, idKey);
    if (refused?.code !== 'ECHAIN') throw refused ?? error;
  }
}

export async function headOf({ pages }: Source): Promise<Head | undefined> {
  const { ends, link } = await pages.head();
  return link === undefined ? undefined : { position: ends, link };
}

/**
 * Begins a new chain if the one that is there does not hold. Nothing is taken out.
 *
 * @param appender whose first line begins a new chain
 */
export async function repairChain(
  source: Source,
  appender: Appender,
  { dryRun, signal, onProgress }: RepairOptions,
): Promise<Repair> {
  const { name, pages, settings } = source;
  const { chain } = await verify(source, {
    ids: false,
    chain: true,
    expect: undefined,
    files: 'all',
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (progress) => onProgress({ phase: 'look', ...progress }) }),
  });
  const unchanged: Repair = { path: name, removed: new DamageCount(), damagedPath: undefined };
  if (dryRun || chain?.intact) return unchanged;
  const last = async () => {
    const { ends, link } = await pages.head();
    return { head: link === undefined ? chain?.head : { position: ends, link }, end: ends };
  };
  const chainRestart = await appendRestart(
    name,
    settings,
    last,
    (line, ifEnd) =>
      new Promise((resolve, reject) => {
        appender.add({
          isOne: true,
          lines: [line],
          bytes: Buffer.byteLength(line.text) + 1,
          ifEnd,
          fence: undefined,
          resolve,
          reject,
        });
      }),
  );
  return { ...unchanged, chainRestart };
}
