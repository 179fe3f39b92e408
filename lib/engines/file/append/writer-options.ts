/**
 * The settings of a chronicle, as its batch writer takes them.
 */
import type { Settings } from '../../../chronicle/options.js';
import { longestLine } from '../../../event/line.js';
import { type ChainMode, durabilityLevel, type WriterOptions } from '../../../native/protocol.js';

/** What fits into the milliseconds of the native code, and never ends. */
const maxTime = 2 ** 40;

const noRotation = { maxBytes: 0, maxAge: 0, keep: Number.POSITIVE_INFINITY };

export function writerOptions(settings: Settings, chain: ChainMode): WriterOptions {
  const { lockTimeout, durability, idKey, window, rotation } = settings;
  const { maxBytes, maxAge, keep } = rotation ?? noRotation;
  return {
    lockTimeout: Math.min(lockTimeout, maxTime),
    durability: durabilityLevel[durability],
    idKey,
    window,
    // Not this writer's limit: others may have written longer lines, whose ids and links count too.
    maxLineBytes: longestLine,
    rotation: { maxBytes, maxAge: Math.min(maxAge, maxTime), keep },
    chain,
  };
}
