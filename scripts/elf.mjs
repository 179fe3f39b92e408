/**
 * Takes libraries out of the list that a linked 64-bit ELF file says it needs (DT_NEEDED).
 *
 * The linker lists every library that it found a symbol in, and the names of the C library's are the one
 * thing in our binaries that only glibc has. (musl takes `libc.so.6` for itself, but has no
 * `ld-linux-x86-64.so.2`; and on a system with musl, Bun refuses a file that lists `libc.so.6`.) No program
 * that can load an addon is without its C library, so the entries bring nothing. The versions of the symbols
 * are asked for as before: glibc looks for a library of that name among those that are loaded (find_needed in
 * elf/dl-version.c); musl ignores versions.
 */

const sizes = { programHeader: 56, dynamicEntry: 16 };
const programHeaders = { load: 1, dynamic: 2 };
const tags = { end: 0n, needed: 1n, strings: 5n };

/** The bytes of an ELF file without these libraries in its list. */
export function removeNeeded(linked, libraries) {
  const file = Buffer.from(linked);
  const headers = Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = Number(file.readBigUInt64LE(32)) + index * sizes.programHeader;
    const number = (offset) => Number(file.readBigUInt64LE(at + offset));
    return { type: file.readUInt32LE(at), offset: number(8), address: number(16), size: number(32) };
  });
  const dynamic = headers.find(({ type }) => type === programHeaders.dynamic);
  const entries = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += sizes.dynamicEntry)
    entries.push({ tag: file.readBigUInt64LE(at), value: file.readBigUInt64LE(at + 8) });

  const address = Number(entries.find(({ tag }) => tag === tags.strings).value);
  const segment = headers.find(
    ({ type, address: start, size }) =>
      type === programHeaders.load && address >= start && address < start + size,
  );
  const strings = address - segment.address + segment.offset;
  const nameOf = ({ value }) => {
    const start = strings + Number(value);
    return file.toString('latin1', start, file.indexOf(0, start));
  };

  const kept = entries.filter((entry) => entry.tag !== tags.needed || !libraries.includes(nameOf(entry)));
  const ends = entries.slice(kept.length).map(() => ({ tag: tags.end, value: 0n }));
  for (const [index, { tag, value }] of [...kept, ...ends].entries()) {
    const at = dynamic.offset + index * sizes.dynamicEntry;
    file.writeBigUInt64LE(tag, at);
    file.writeBigUInt64LE(value, at + 8);
  }
  return file;
}
