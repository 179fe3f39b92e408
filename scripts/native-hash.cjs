// Prints the SHA-256 of the native sources and their build description. It is compiled into the addon, so that a test
// can tell a prebuilt binary that is older than the sources.
const { createHash } = require('node:crypto');
const { readdirSync, readFileSync } = require('node:fs');
const { join, sep } = require('node:path');

const root = join(__dirname, '..');
const files = readdirSync(join(root, 'native'), { recursive: true })
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => join('native', name).split(sep).join('/'));

const hash = createHash('sha256');
for (const file of [...files.sort(), 'binding.gyp']) {
  // Line ends may differ between checkouts.
  const text = readFileSync(join(root, file), 'utf8').replaceAll('\r\n', '\n');
  hash.update(`${file}\0${text}\0`);
}
process.stdout.write(hash.digest('hex'));
