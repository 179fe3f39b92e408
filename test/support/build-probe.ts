/** Builds the addon's test build (test/native) before the tests; when it is built already, this takes a moment. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const gyp = fileURLToPath(new URL('../../node_modules/node-gyp/bin/node-gyp.js', import.meta.url));
const directory = fileURLToPath(new URL('../native', import.meta.url));

export default async function buildProbe(): Promise<void> {
  if (process.platform !== 'linux') return;
  await promisify(execFile)(process.execPath, [gyp, 'configure', 'build', '--silent', '-C', directory]);
}
