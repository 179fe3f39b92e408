/**
 * A PostgreSQL server of our own, as the tests start it, but in the system's temporary directory: what is measured is
 * durable appends, so its disk has to be a real one.
 */
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..', '..');

/** @returns {Promise<import('../../test/support/postgres.js').PostgresServer>} one that runs */
export async function startServer(settings) {
  const vite = createRequire(join(root, 'package.json')).resolve('vite');
  const { runnerImport } = await import(pathToFileURL(vite).href);
  const { module } = await runnerImport(join(root, 'test/support/postgres.ts'));
  if (module.noPostgres) throw new Error(module.noPostgres);
  return module.PostgresServer.start(settings, tmpdir());
}
