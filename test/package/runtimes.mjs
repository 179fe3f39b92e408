/**
 * Runtimes: what npm has installed works with every Node, Bun and Deno install it themselves and use it, and
 * two versions of it get along in one process.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bun, deno } from '../platforms/runtimes.mjs';
import { everyNode, execute, moved, otherVersion, programs, project, useIt } from './workplace.mjs';

const dependencies = { holdfast: 'latest' };

async function nodes() {
  const folder = project({ ...programs, 'package.json': { private: true, dependencies } });
  await execute('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
  for (const node of everyNode()) await useIt(folder, node);
}

/** Installs with the runtime itself, again from its lock file, and uses it where the folder was moved to. */
async function withItself({ command }, { run, install, again }) {
  const folder = project({ ...programs, 'package.json': { private: true, dependencies } });
  const [program] = command;
  await execute(program, install, { cwd: folder });
  await useIt(folder, [program, ...run]);
  rmSync(join(folder, 'node_modules'), { recursive: true });
  await execute(program, again, { cwd: folder });
  await useIt(moved(folder), [program, ...run]);
}

/** Both versions, by import and by require(), in every thread of one process. */
const twoVersions = {
  'main.cjs': `
    const assert = require('node:assert');
    const { once } = require('node:events');
    const { join } = require('node:path');
    const { Worker, isMainThread, workerData } = require('node:worker_threads');
    const listeners = process.listenerCount('exit');
    const one = require('holdfast');
    const other = require('other');
    const lockfiles = [require('holdfast/proper-lockfile'), require('other/proper-lockfile')];
    const versions = ['holdfast', 'other'].map((name) => require(name + '/package.json').version);
    assert.notStrictEqual(versions[0], versions[1]);
    assert.notStrictEqual(one.lock, other.lock);

    async function main() {
      assert.strictEqual((await import('holdfast')).lock, one.lock);
      assert.strictEqual((await import('other')).lock, other.lock);
      for (const [holder, asker] of [[one, other], [other, one]]) {
        for (const kind of ['flock', 'fcntl']) {
          const held = await holder.lock('it.lock', { kind });
          assert.strictEqual(await asker.tryLock('it.lock', { kind }), null);
          const waiting = asker.lock('it.lock', { kind, timeout: 60_000 });
          const error = await asker.lock('it.lock', { kind, timeout: 1 }).catch((caught) => caught);
          assert(error instanceof holder.HoldfastError && error.code === 'ELOCK_TIMEOUT', error);
          await held.release();
          await (await waiting).release();
        }
      }
      for (const [holder, asker] of [lockfiles, lockfiles.toReversed?.() ?? [lockfiles[1], lockfiles[0]]]) {
        const release = await holder.lock('state', { realpath: false });
        assert(await asker.check('state', { realpath: false }));
        await assert.rejects(asker.lock('state', { realpath: false }), { code: 'ELOCKED' });
        await release();
      }
      const chronicles = await Promise.all([one, other].map(({ openChronicle }) => openChronicle('a.ndjson')));
      const appended = chronicles.flatMap((chronicle) =>
        Array.from({ length: 200 }, (_, number) => chronicle.append({ number })));
      const results = await Promise.all(appended);
      assert.strictEqual(results.filter(({ duplicate }) => !duplicate).length, workerData ?? 200);
      const entries = await chronicles[1].toArray();
      assert.strictEqual(new Set(entries.map(({ event }) => event.number)).size, 200);
      assert.strictEqual(entries.length, 200);
      await Promise.all(chronicles.map((chronicle) => chronicle.close()));
      assert.strictEqual(process.listenerCount('exit') - listeners, 1);
      if (!isMainThread) return;
      const worker = new Worker(__filename, { workerData: 0 }); // all of it was appended above
      const [code] = await once(worker, 'exit');
      assert.strictEqual(code, 0);
      console.log('ok');
    }
    main();`,
};

async function together() {
  const folder = project({
    ...twoVersions,
    'package.json': {
      private: true,
      dependencies: { ...dependencies, other: `npm:holdfast@${otherVersion}` },
    },
  });
  await execute('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
  for (const node of everyNode()) {
    rmSync(join(folder, 'a.ndjson'), { force: true });
    await useIt(folder, node, Object.keys(twoVersions));
  }
}

export const runtimes = [
  ['Node: the lowest of 20, 22, 24 and 26', nodes],
  [
    'Bun 1.4: install, --frozen-lockfile',
    () =>
      withItself(bun('1.4.5'), { run: [], install: ['install'], again: ['install', '--frozen-lockfile'] }),
  ],
  [
    'Deno 2.9: install, --frozen',
    () =>
      withItself(deno('2.9.6'), {
        run: ['run', '--allow-all'],
        install: ['install'],
        again: ['install', '--frozen'],
      }),
  ],
  ['two versions in one process, every Node', together],
];
