/** PostgreSQL for other machines, which are network namespaces: see examples/two-machines/machines.mts. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NetworkNamespace, range } from '../../dist/examples/two-machines/machines.mjs';
import { PostgresServer } from './postgres.js';

/** Why there are no network namespaces here; undefined if there are. For `it.skipIf(noNamespaces)`. */
export const noNamespaces = ((): string | undefined => {
  try {
    new NetworkNamespace('none', 'postgres://none').remove();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();

/** A server that network namespaces may use. */
export async function startForMachines(): Promise<PostgresServer> {
  const server = await PostgresServer.start({ listen_addresses: '*' });
  await appendFile(join(server.dataDirectory, 'pg_hba.conf'), `host all all ${range} trust\n`);
  await server.configure({}); // so that it reads the file
  return server;
}
