// Starts a server of test/support/postgres.ts, says which processes it has, and waits to be killed.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const support = fileURLToPath(new URL('../support/postgres.ts', import.meta.url));
const { module } = await runnerImport(support);
const server = await module.PostgresServer.start();
const processes = server.processes();
if (process.argv[2] === 'paused') server.pause();
process.send({ directory: server.directory, processes });
