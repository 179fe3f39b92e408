/**
 * Writes native/binding.gyp, the build description that is packed. In the root of a package npm and Yarn
 * would take a binding.gyp for an order to compile; there it is found only by who asks for it. The hash of
 * the sources is written into it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const hash = execFileSync(process.execPath, [join(root, 'scripts', 'native-hash.cjs')]).toString();
const packed = readFileSync(join(root, 'binding.gyp'), 'utf8')
  .replaceAll('"native/', '"')
  .replaceAll('"native"', '"."')
  .replaceAll('<(module_root_dir)/native/', '<(module_root_dir)/')
  .replace('<!(node scripts/native-hash.cjs)', hash);
const left = packed.match(/.*(?:native|scripts)\/.*/);
if (left) throw new Error(`binding.gyp names a path that is not packed there: ${left[0].trim()}`);
writeFileSync(join(root, 'native', 'binding.gyp'), packed);
