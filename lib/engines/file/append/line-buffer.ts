/**
 * Lines on their way to the native code, as UTF-8 in one piece of memory: nothing of them is left behind for the garbage
 * collector, and their lengths in bytes are known.
 */

const smallest = 4 * 1024;

/** Larger ones are not kept for the next lines. */
const largestKept = 1024 * 1024;

/** Buffers that are not in use: lines stay in one for a turn of the event loop at most. */
const spare: Buffer[] = [];
const mostSpare = 4;

/** A UTF-16 code unit takes no more, as UTF-8. */
const mostBytesPerUnit = 3;

const mostEstimated = 64 * 1024;

/** So many bytes are enough for these lines; where they are many or long, exactly so many. */
export function roomFor(lines: readonly { readonly text: string }[]): number {
  let room = 0;
  for (const { text } of lines) room += text.length * mostBytesPerUnit + 1;
  if (room <= mostEstimated) return room;
  return lines.reduce((bytes, { text }) => bytes + Buffer.byteLength(text) + 1, 0);
}

export class LineBuffer {
  /** In bytes, of each line with its newline. */
  readonly lengths: number[] = [];
  #buffer = spare.pop() ?? Buffer.allocUnsafeSlow(smallest);
  #used = 0;

  /** What is in it: {@link length} bytes of this. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** In bytes. */
  get length(): number {
    return this.#used;
  }

  /** Makes room for so many bytes more. */
  reserve(bytes: number): void {
    const size = this.#used + bytes;
    if (size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }

  /** Adds a line that there is room for. */
  add(text: string): void {
    const bytes = this.#buffer.write(text, this.#used) + 1;
    this.#used += bytes;
    this.#buffer[this.#used - 1] = 0x0a;
    this.lengths.push(bytes);
  }

  /** Gives the memory back; the lengths stay. */
  release(): void {
    if (spare.length < mostSpare && this.#buffer.length <= largestKept) spare.push(this.#buffer);
    this.#buffer = empty;
  }
}

const empty = Buffer.alloc(0);
