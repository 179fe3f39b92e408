/** A gate at which a program stands still, event loop and all, until the test opens it. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './files.js';

export class Gate {
  /** A FIFO: to read a byte from it is to wait. */
  readonly path = join(temporaryDirectory(), 'gate');
  readonly #descriptor: number;

  constructor() {
    execFileSync('mkfifo', [this.path]);
    // For both directions, so that neither opening nor writing waits for the program.
    this.#descriptor = openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(this.#descriptor));
  }

  open(): void {
    writeSync(this.#descriptor, '.');
  }
}
