// Prints the native sources of the addon on this machine, relative to this directory. glibc_compat.cc is left
// out: what it stands before, the probe stands before.
const { readdirSync } = require('node:fs');
const { join, sep } = require('node:path');

const sources = readdirSync(join(__dirname, '../../native'), { recursive: true })
  .filter((name) => name.endsWith('.cc') && !/(_windows|_win32|glibc_compat)\.cc$/.test(name))
  .map((name) => `../../native/${name.split(sep).join('/')}`);
console.log(sources.sort().join('\n'));
