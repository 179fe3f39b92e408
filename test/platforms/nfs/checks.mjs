/**
 * What holdfast promises on NFS. Runs in a machine of nfs.mjs, in a folder that has the package.
 *
 * `node checks.mjs VERSION MOUNT OTHER-MOUNT EXPORT`: the folder that the server has, as two clients see it, and as
 * the server's own programs see it. With one argument more: a process that appends.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { lock, openChronicle, tryLock, writeFileAtomic } = createRequire(join(process.cwd(), 'x'))('holdfast');
const [version, here, there, atServer, appender] = process.argv.slice(2);
const perProcess = 200;
const kinds = ['flock', 'fcntl'];
/** Long, because the machine is slow; in milliseconds. */
const timeout = 60_000;

if (appender !== undefined) await append(JSON.parse(appender));
else await check();
process.exit();

async function check() {
  await shows("what takes a file's place has its access control list (C12)", keepsTheList);
  for (const kind of kinds) {
    const [ours, theirs] = [join(here, `lock-${kind}`), join(there, `lock-${kind}`)];
    const isFree = async (file, mode = 'exclusive') => {
      const taken = await tryLock(file, { kind, mode });
      await taken?.release();
      return taken !== null;
    };

    await shows(`${kind}: an exclusive lock excludes the other client (L1)`, async () => {
      const held = await lock(ours, { kind, timeout });
      const free = await isFree(theirs);
      await held.release();
      return !free && (await isFree(theirs));
    });
    await shows(`${kind}: shared locks of two clients stand together (L1)`, async () => {
      const held = await lock(ours, { kind, mode: 'shared', timeout });
      const outcome = [await isFree(theirs, 'shared'), await isFree(theirs)];
      await held.release();
      return outcome.join() === 'true,false';
    });
    await shows(
      `${kind}: a wait is granted when the other client releases, and ends at its deadline`,
      async () => {
        const held = await lock(ours, { kind, timeout });
        const late = await codeOf(lock(theirs, { kind, timeout: 100 }));
        const waiting = lock(theirs, { kind, timeout });
        await sleep(200);
        await held.release();
        await (await waiting).release();
        return late === 'ELOCK_TIMEOUT';
      },
    );
    await shows(
      `${kind}: who waited has the file that the path names, though it was removed (L6)`,
      async () => {
        const held = await lock(ours, { kind, timeout });
        const waiting = lock(theirs, { kind, timeout });
        await sleep(300);
        await held.release({ remove: true });
        const granted = await waiting;
        const free = await isFree(ours);
        await granted.release();
        return !free;
      },
    );
    await shows(
      `${kind}: who waited has the file that the path names, though it was replaced (L6)`,
      async () => {
        const held = await lock(ours, { kind, timeout });
        const waiting = lock(theirs, { kind, timeout });
        await sleep(300);
        writeFileSync(`${ours}.new`, '');
        renameSync(`${ours}.new`, ours);
        await held.release();
        const granted = await waiting;
        const free = await isFree(ours);
        await granted.release();
        return !free;
      },
    );
  }

  // An NFS server takes a flock of its clients for an fcntl lock (flock(2)), so that its own programs do not see it.
  await shows('fcntl: the programs of the server are excluded, and exclude', async () => {
    const options = { kind: 'fcntl' };
    const held = await lock(join(here, 'both'), options);
    const atServers = await tryLock(join(atServer, 'both'), options);
    await held.release();
    const other = await lock(join(atServer, 'both'), options);
    const atClients = await tryLock(join(here, 'both'), options);
    await other.release();
    return atServers === null && atClients === null;
  });

  for (const options of [{}, { dedupe: 'all' }, { dedupe: 'all', rotate: { maxBytes: 4000 } }]) {
    const title = `two processes on each client append, with ${JSON.stringify(options)}`;
    await shows(`${title}: every event is there once (C1, C2, C5)`, async () => {
      const name = `log-${Object.keys(options).length}.ndjson`;
      const codes = await Promise.all(
        [here, there, here, there].map(async (mount, index) => {
          const words = [version, here, there, atServer];
          const work = JSON.stringify({ file: join(mount, name), who: `process-${index}`, options });
          const child = spawn(process.execPath, [process.argv[1], ...words, work], { stdio: 'inherit' });
          return (await once(child, 'exit'))[0];
        }),
      );
      const files = readdirSync(atServer).filter((file) => file.startsWith(name) && !file.endsWith('.ids'));
      const lines = files.flatMap((file) =>
        readFileSync(join(atServer, file), 'utf8').split('\n').filter(Boolean),
      );
      const ids = lines.map((line) => JSON.parse(line).eventId);
      return (
        codes.every((code) => code === 0) && ids.length === 4 * perProcess && new Set(ids).size === ids.length
      );
    });
  }

  await shows('while the server is away, waits end at their deadline and at their abort (L3)', async () => {
    const held = await lock(join(here, 'away'), { timeout });
    execFileSync('rpc.nfsd', ['0']);
    const codes = [];
    for (const kind of kinds) codes.push(await codeOf(lock(join(there, 'away'), { kind, timeout: 500 })));
    const reason = new Error('enough');
    codes.push(
      await lock(join(there, 'away'), { signal: abortSoon(reason) }).catch((error) => error === reason),
    );
    execFileSync('rpc.nfsd', ['4']);
    await held.release();
    await (await lock(join(there, 'away'), { timeout })).release();
    return codes.join() === 'ELOCK_TIMEOUT,ELOCK_TIMEOUT,true';
  });
  for (const kind of kinds) {
    await shows(`${kind}: a lock outlasts a restart of the server`, async () => {
      const held = await lock(join(here, `kept-${kind}`), { kind, timeout });
      execFileSync('rpc.nfsd', ['0']);
      await sleep(1000);
      execFileSync('rpc.nfsd', ['4']);
      const code = await codeOf(lock(join(there, `kept-${kind}`), { kind, timeout: 20_000 }));
      await held.release();
      await (await lock(join(there, `kept-${kind}`), { kind, timeout })).release();
      return code === 'ELOCK_TIMEOUT';
    });
  }
}

/**
 * C12: daemon may read it, and its group may not, though the permissions of the group say what is the most that daemon may.
 * At the server, where every client's lists are POSIX ACLs.
 */
async function keepsTheList() {
  const list = ['user::rw-', 'user:daemon:rw-', 'group::---', 'mask::rw-', 'other::---'];
  const [file, atHome] = [join(here, 'listed'), join(atServer, 'listed')];
  writeFileSync(file, '{"eventId":"a"}\n', { mode: 0o600 });
  execFileSync('setfacl', ['--set', list.join(), atHome]);
  await writeFileAtomic(file, '{"eventId":"b"}\n');
  const chronicle = await openChronicle(file, { dedupe: 'all', rotate: { maxBytes: 10 } });
  for (const eventId of ['c', 'd']) await chronicle.append({ eventId });
  const files = await chronicle.files();
  await chronicle.close();
  const lists = execFileSync('getfacl', ['--omit-header', '--no-effective', atHome, `${atHome}.ids`]);
  const wanted = `${list.join('\n')}\n\n`;
  return files.length > 1 && lists.toString() === wanted + wanted;
}

/** Appends, a few at a time; and then some of it again, which must not be written again. */
async function append({ file, who, options }) {
  const chronicle = await openChronicle(file, { lockTimeout: timeout, ...options });
  const events = Array.from({ length: perProcess }, (_, index) => ({ eventId: `${who}-${index}`, index }));
  for (let first = 0; first < events.length; first += 8)
    await Promise.all(events.slice(first, first + 8).map((event) => chronicle.append(event)));
  for (const event of events.slice(0, 10)) await chronicle.append(event);
  await chronicle.close();
}

async function shows(title, holds) {
  const outcome = await holds().catch((error) => error);
  console.log(
    `${outcome === true ? 'ok' : 'FAILED'} NFS ${version}: ${title}${outcome instanceof Error ? `: ${outcome}` : ''}`,
  );
}

function codeOf(promise) {
  return promise.then(
    () => 'granted',
    ({ code }) => code,
  );
}

function abortSoon(reason) {
  const controller = new AbortController();
  globalThis.setTimeout(() => controller.abort(reason), 300);
  return controller.signal;
}
