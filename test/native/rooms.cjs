// Prints one source for each room of native/, which includes those of the room, and writes it to build/rooms:
// the compiler spends most of its time on headers, which it so reads once for each room.
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const list = execFileSync(process.execPath, [join(__dirname, 'sources.cjs')], { encoding: 'utf8' });
const rooms = new Map();
for (const source of list.trim().split('\n')) {
  const room = source.split('/').at(-2);
  rooms.set(room, `${rooms.get(room) ?? ''}#include "../../${source}"\n`);
}
mkdirSync(join(__dirname, 'build/rooms'), { recursive: true });
for (const [room, text] of rooms) {
  const file = join(__dirname, 'build/rooms', `${room}.cc`);
  // One that is as it was is not compiled again.
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
  console.log(`build/rooms/${room}.cc`);
}
