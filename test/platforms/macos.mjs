// macOS: the addon is compiled and linked, with every warning an error. Nothing here can run it.
import { readFileSync } from 'node:fs';
import { symbols } from 'node-api-headers';
import { sourcesFor } from '../../scripts/gyp.mjs';
import { description } from '../../scripts/native-build.mjs';
import { build } from './zig.mjs';

/** `processor`: in Zig's words. */
export async function compileForMacos(name, processor) {
  const file = await build(`${name}.node`, {
    target: `${processor}-macos.${description.xcode_settings.MACOSX_DEPLOYMENT_TARGET}`,
    sources: sourcesFor(description, 'mac'),
    // As node-gyp does: what is defined nowhere, the program that loads the addon is to have.
    link: ['-shared', '-undefined', 'dynamic_lookup'],
  });
  const { js_native_api_symbols, node_api_symbols } = symbols.v8;
  const provided = new Set([...js_native_api_symbols, ...node_api_symbols]);
  const unknown = lookedUpAtLoading(readFileSync(file)).filter((symbol) => !provided.has(symbol));
  return {
    passed: unknown.length === 0 ? 1 : 0,
    failures: unknown.map((symbol) => `neither in macOS nor in Node-API 8: ${symbol}`),
    skipped: new Map(),
  };
}

/**
 * The symbols of a 64-bit Mach-O file that no library was found for (<mach-o/loader.h>, <mach-o/nlist.h>).
 */
function lookedUpAtLoading(file) {
  const symbolTable = 0x2; // LC_SYMTAB
  const anyLibrary = 0xfe; // DYNAMIC_LOOKUP_ORDINAL
  const found = [];
  let at = 32;
  for (let left = file.readUInt32LE(16); left > 0; left--, at += file.readUInt32LE(at + 4)) {
    if (file.readUInt32LE(at) !== symbolTable) continue;
    const [table, count, strings] = [8, 12, 16].map((offset) => file.readUInt32LE(at + offset));
    for (let entry = table; entry < table + count * 16; entry += 16) {
      const isUndefined = (file[entry + 4] & 0xee) === 0; // n_type: N_UNDF, and nothing of a debugger's (N_STAB)
      if (!isUndefined || file[entry + 7] !== anyLibrary) continue; // the upper byte of n_desc
      const start = strings + file.readUInt32LE(entry) + '_'.length;
      found.push(file.toString('latin1', start, file.indexOf(0, start)));
    }
  }
  return found;
}
