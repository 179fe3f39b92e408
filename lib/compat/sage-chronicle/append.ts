/**
 * Appending events.
 */
import { checkOptions, checkTimeout } from '../../base/arguments.js';
import type { ChronicleOptions } from '../../chronicle/options.js';
import type { AppendResult } from '../../chronicle/results.js';
import * as chronicle from '../../engines/file/functions.js';
import { toJson, writable } from '../../event/event-line.js';
import { checkEnvelope, checkText } from './envelope.js';
import { type ChronicleEventBase, idKey } from './events.js';
import { type ChroniclePath, checkChroniclePath } from './path.js';

/** How an event is appended. */
export interface AppendOptions {
  /** Give an event without `eventId` one: the SHA-256 of its canonical JSON. Default: true. */
  computeId?: boolean | undefined;
  /** How long to wait for the chronicle's lock, in milliseconds. Default: 2000. */
  lockTimeoutMs?: number | undefined;
}

/** How many of the last events are looked at for one with the same id. */
export const window = 10_000;

/** In milliseconds. */
export const defaultLockTimeout = 2000;

/**
 * Appends an event. When this resolves, it is in the file and synced; one whose id is among the last 10,000
 * is not written again. An `eventId` that the event carries is kept.
 *
 * @param options a number is `lockTimeoutMs`
 * @throws `EVALIDATION` with the field of the envelope that is wrong, `ELOCK_TIMEOUT`, `EIO`
 * @example
 *   const actor = { agent: 'guardian', id: 'src/user.ts' };
 *   await sage.appendEvent('src/user.ts.sage', { type: 'PLAN_APPROVED', timestamp: new Date().toISOString(), actor });
 */
export async function appendEvent<T extends ChronicleEventBase>(
  path: ChroniclePath,
  event: T,
  options?: number | AppendOptions,
): Promise<AppendResult> {
  const nativePath = checkChroniclePath(path);
  const settings = checkAppend(options);
  checkEnvelope(event);
  return chronicle.appendEvent(nativePath, event, settings);
}

/** As {@link appendEvent}, for an event that carries its `eventId`; one that does not is `EVALIDATION`. */
export async function appendEventWithId<T extends ChronicleEventBase>(
  path: ChroniclePath,
  event: T,
  options?: number | AppendOptions,
): Promise<AppendResult> {
  const nativePath = checkChroniclePath(path);
  const settings = checkAppend(options);
  const problem = 'appendEventWithId requires a valid, pre-computed eventId on the event object';
  checkText(checkEnvelope(event)[idKey], `event.${idKey}`, problem);
  return chronicle.appendEvent(nativePath, event, settings);
}

/**
 * As {@link appendEvent}, for any object, whose envelope is not checked. It gets no id; one that it carries is
 * looked for as there.
 */
export async function atomicAppendEvent<T extends object>(
  path: ChroniclePath,
  event: T,
  lockTimeoutMs: number = defaultLockTimeout,
): Promise<AppendResult> {
  const nativePath = checkChroniclePath(path);
  return chronicle.appendEvent(nativePath, event, checkAppend({ lockTimeoutMs, computeId: false }));
}

/**
 * The line that an event is: its JSON, and a newline.
 *
 * @throws `EVALIDATION` for what cannot be written as a JSON object
 */
export function serializeEvent(event: object): string {
  return `${writable(toJson(event, 'event'), 'event')}\n`;
}

const optionNames = ['lockTimeoutMs', 'computeId'] as const;

/** Checked and filled in, for an engine. */
export function checkAppend(options: number | AppendOptions | undefined): ChronicleOptions {
  const given = checkOptions(typeof options === 'number' ? { lockTimeoutMs: options } : options, optionNames);
  const { computeId = true, lockTimeoutMs = defaultLockTimeout } = given;
  return {
    computeId,
    lockTimeout: checkTimeout(lockTimeoutMs, 'lockTimeoutMs'),
    dedupe: { window },
  };
}
