/**
 * A settings file that several programs change. The lock keeps two of them from overwriting each other's change, and
 * the atomic replacement keeps readers, who need no lock, from seeing half of one, also after a power loss.
 *
 *   npm run compile && node dist/examples/settings.mjs settings.json theme dark
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { withLock, writeFileAtomic } from 'holdfast';

export interface Settings {
  readonly [name: string]: unknown;
}

export async function readSettings(path: string): Promise<Settings> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Settings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Replaces the settings by what `change` makes of them. */
export function changeSettings(path: string, change: (settings: Settings) => Settings): Promise<Settings> {
  // A file beside it, because the settings file itself is replaced, and a lock would stay with the old one.
  return withLock(`${path}.lock`, async () => {
    const settings = change(await readSettings(path));
    await writeFileAtomic(path, `${JSON.stringify(settings, null, 2)}\n`);
    return settings;
  });
}

const [, program, path = 'settings.json', name, value] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
  if (name === undefined) console.log(await readSettings(path));
  else console.log(await changeSettings(path, (settings) => ({ ...settings, [name]: value })));
}
