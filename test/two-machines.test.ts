/** The example of two machines on one database, as its users run it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { noNamespaces, startForMachines } from './support/machines.js';
import { noPostgres, PostgresServer } from './support/postgres.js';

const program = fileURLToPath(new URL('../dist/examples/two-machines/main.mjs', import.meta.url));

/** The lines that it prints for this server, where it leaves nothing. */
async function demonstrate(server: PostgresServer): Promise<string[]> {
  onTestFinished(() => server.remove());
  const args = [program, server.connectionString, '40'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  expect(stderr).toBe('');
  expect(await server.query(`SELECT 1 FROM pg_namespace WHERE nspname LIKE 'holdfast%'`)).toEqual([]);
  return stdout.trimEnd().split('\n');
}

/** 40 orders, and what each of 8 writers has done about each. */
const whole = [
  expect.stringMatching(/^killed writer 1 on (north|south) after 40 acknowledgements, and started it again$/),
  expect.stringMatching(/^killed writer 1 on (north|south) after 40 acknowledgements, and started it again$/),
  expect.stringMatching(/^\d+ acknowledgements, \d+ of them as duplicates$/),
  '360 events in the chronicle, of 360 different ones',
  'lost: 0, doubled: 0',
];

describe.skipIf(noPostgres)('two machines on one database', () => {
  it.skipIf(noNamespaces)('lose and double nothing while a writer of each is killed', async () => {
    const [first, ...rest] = await demonstrate(await startForMachines());
    expect(first).toBe('two machines: network namespaces, each with a cable of its own');
    expect(rest).toEqual(whole);
  });

  it('are two groups of processes, and say so, where the server lets no other machine in', async () => {
    const [first, ...rest] = await demonstrate(await PostgresServer.start());
    expect(first).toMatch(/^two groups of processes, no network namespaces in 198\.18\.0\.0\/15 \(.+\)$/);
    expect(rest).toEqual(whole);
  });
});
