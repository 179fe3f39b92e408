/**
 * Lines on their way to the native code, as UTF-8 in one piece of memory, so that they leave nothing for the
 * garbage collector.
 */

const minBytes = 4 * 1024;

/** Larger buffers are not kept for the next lines. */
const maxSpareBytes = 1024 * 1024;

/** Buffers that are not in use: lines stay in one for a turn of the event loop at most. */
const spare: Buffer[] = [];
const maxSpare = 4;

/** Of one UTF-16 code unit as UTF-8. */
const maxBytesPerUnit = 3;

/** Up to this, the room for lines is estimated, and may be three times what they need. */
const maxEstimate = 64 * 1024;

/** How many bytes have room for these lines, each with its newline. */
export function roomFor(lines: readonly { readonly text: string }[]): number {
  let room = 0;
  for (const { text } of lines) room += text.length * maxBytesPerUnit + 1;
  if (room <= maxEstimate) return room;
  return lines.reduce((bytes, { text }) => bytes + Buffer.byteLength(text) + 1, 0);
}

export class LineBuffer {
  #buffer = spare.pop() ?? Buffer.allocUnsafeSlow(minBytes);
  #used = 0;

  /** What is in it: {@link length} bytes of this. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** In bytes. */
  get length(): number {
    return this.#used;
  }

  /** Makes room for this many bytes more. */
  reserve(bytes: number): void {
    const size = this.#used + bytes;
    if (size <= this.#buffer.length) return;
    // Not so large that it would not be kept: memory that is new costs more than what is copied into it.
    const larger = Buffer.allocUnsafeSlow(Math.max(size, Math.min(2 * this.#buffer.length, maxSpareBytes)));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }

  /** Adds a line that there is room for. */
  add(text: string): void {
    const bytes = this.#buffer.write(text, this.#used) + 1;
    this.#used += bytes;
    this.#buffer[this.#used - 1] = 0x0a;
  }

  /** Gives the memory back; {@link length} stays. */
  release(): void {
    if (spare.length < maxSpare && this.#buffer.length <= maxSpareBytes) spare.push(this.#buffer);
    this.#buffer = empty;
  }
}

const empty = Buffer.alloc(0);
