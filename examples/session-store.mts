/**
 * Sessions of agents as chronicles, one file and one writer each. The class has the shape of `SessionStore` in
 * Anthropic's agent SDK (`query({ options: { sessionStore } })`; code.claude.com/docs/en/agent-sdk/session-storage), which
 * needs `append` and `load`, and uses `listSessions`, `delete` and `listSubkeys` if they are there.
 *
 * What it gains over a bare JSONL file: entries that were acknowledged are on the disk, entries that are sent again with
 * their `uuid` are stored once, and two processes cannot continue one session at the same time.
 *
 *   npm run compile && node dist/examples/session-store.mjs
 *
 * stores two entries, sends one again, and prints what is loaded.
 */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Chronicle, type FileLock, openChronicle, readChronicle, tryLock } from 'holdfast';

/** One transcript: the main one of a session, or that of a subagent at `subpath`. */
export interface SessionKey {
  readonly projectKey: string;
  readonly sessionId: string;
  readonly subpath?: string;
}

export interface SessionStoreEntry {
  type: string;
  uuid?: string;
  timestamp?: string;
  [name: string]: unknown;
}

export class ChronicleSessionStore {
  readonly #directory: string;
  /** The sessions that this process writes, by the path of their lock. */
  readonly #locks = new Map<string, Promise<FileLock>>();
  readonly #transcripts = new Map<string, Promise<Chronicle<SessionStoreEntry>>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** All entries are on the disk when this resolves, or none. Those with a `uuid` that is there are left out. */
  async append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    await this.#lock(key);
    const path = this.#pathOf(key);
    let transcript = this.#transcripts.get(path);
    if (!transcript) {
      transcript = openChronicle<SessionStoreEntry>(path, { idKey: 'uuid', computeId: false });
      this.#transcripts.set(path, transcript);
    }
    await (await transcript).appendMany(entries);
  }

  /** The entries in their order; null: there is no such transcript. Takes no lock: anybody may read. */
  async load(key: SessionKey): Promise<SessionStoreEntry[] | null> {
    try {
      const entries = await readChronicle<SessionStoreEntry>(this.#pathOf(key));
      return entries.length > 0 ? entries : null;
    } catch (error) {
      if (isMissing((error as Error).cause)) return null;
      throw error;
    }
  }

  async listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]> {
    const project = join(this.#directory, nameOf(projectKey));
    const sessions = (await namesIn(project)).map(async (name) => {
      const { mtimeMs } = await stat(join(project, `${nameOf(name)}${suffix}`));
      return { sessionId: name, mtime: mtimeMs };
    });
    return (await Promise.all(sessions)).sort((a, b) => b.mtime - a.mtime);
  }

  async listSubkeys({ projectKey, sessionId }: SessionKey): Promise<string[]> {
    return namesIn(join(this.#directory, nameOf(projectKey), nameOf(sessionId)));
  }

  /** Of a main transcript: the whole session. */
  async delete(key: SessionKey): Promise<void> {
    await this.#lock(key);
    const path = this.#pathOf(key);
    const session = path.slice(0, -suffix.length);
    for (const [open, transcript] of this.#transcripts) {
      if (open !== path && !(key.subpath === undefined && open.startsWith(join(session, '/')))) continue;
      this.#transcripts.delete(open);
      await (await transcript).close();
    }
    await rm(path, { force: true });
    if (key.subpath === undefined) await rm(session, { recursive: true, force: true });
  }

  /** Lets others write the sessions that this process has written. */
  async close(): Promise<void> {
    for (const transcript of this.#transcripts.values()) await (await transcript).close();
    for (const lock of this.#locks.values()) await (await lock).release({ remove: true });
    this.#transcripts.clear();
    this.#locks.clear();
  }

  /** Held until the end: of {@link close}, or of the process, however that comes. */
  async #lock({ projectKey, sessionId }: SessionKey): Promise<void> {
    const path = this.#pathOf({ projectKey, sessionId });
    let lock = this.#locks.get(path);
    if (!lock) {
      lock = lockOf(`${path}.lock`, sessionId);
      this.#locks.set(path, lock);
      lock.catch(() => this.#locks.delete(path));
    }
    await lock;
  }

  #pathOf({ projectKey, sessionId, subpath }: SessionKey): string {
    const session = join(this.#directory, nameOf(projectKey), nameOf(sessionId));
    return subpath === undefined ? session + suffix : join(session, nameOf(subpath) + suffix);
  }
}

const suffix = '.ndjson';

async function lockOf(path: string, sessionId: string): Promise<FileLock> {
  await mkdir(dirname(path), { recursive: true });
  const lock = await tryLock(path);
  if (lock === null) throw new Error(`session ${sessionId} is written by another process`);
  return lock;
}

/** A key as the name of a file: one part of a path, whatever it holds. */
function nameOf(key: string): string {
  return encodeURIComponent(key).replaceAll('.', '%2E').replaceAll('*', '%2A');
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => name.endsWith(suffix))
      .map((name) => decodeURIComponent(name.slice(0, -suffix.length)));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const store = new ChronicleSessionStore(process.argv[2] ?? (await mkdtemp(join(tmpdir(), 'sessions-'))));
  const key = { projectKey: 'my-project', sessionId: 'first' };
  await store.append(key, [
    { type: 'user', uuid: '1', text: 'hello' },
    { type: 'assistant', uuid: '2', text: 'hi' },
  ]);
  await store.append(key, [{ type: 'assistant', uuid: '2', text: 'hi' }]); // after a time-out, say
  console.log(await store.load(key));
  await store.close();
}
