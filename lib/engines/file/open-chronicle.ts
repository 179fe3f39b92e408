/**
 * Opening a chronicle that is kept in a file.
 */
import { type FilePath, toNativePath } from '../../base/arguments.js';
import { type Chronicle, chronicleOn } from '../../chronicle/chronicle.js';
import { type ChronicleOptions, checkChronicleOptions } from '../../chronicle/options.js';
import type { JsonObject } from '../../event/line.js';
import type { Schema } from '../../event/schema.js';
import { FileEngine } from './file-engine.js';

/**
 * Opens a chronicle, and creates the file and every missing directory above it.
 *
 * @throws `EVALIDATION` for a bad path or option, `EIO` for what the file system refuses.
 * @example
 *   const orders = await openChronicle<{ type: string; number: number }>('data/orders.ndjson');
 *   await orders.append({ type: 'order', number: 17 });
 *   await orders.close();
 */
export function openChronicle<T extends object>(
  path: FilePath,
  options: ChronicleOptions & { schema: Schema<T> },
): Promise<Chronicle<T>>;
/** Without a schema, `T` is what the caller says of the events, and nothing checks it. */
export function openChronicle<T extends object = JsonObject>(
  path: FilePath,
  options?: ChronicleOptions,
): Promise<Chronicle<T>>;
export async function openChronicle<T extends object>(
  path: FilePath,
  options?: ChronicleOptions,
): Promise<Chronicle<T>> {
  const nativePath = toNativePath(path, 'path');
  const settings = checkChronicleOptions(options);
  return chronicleOn<T>(await FileEngine.open(nativePath, settings), settings);
}
