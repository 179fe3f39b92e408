/**
 * A bar on the terminal, with rate and time left, for work on large files.
 */
import cliProgress from 'cli-progress';

/** In bytes. Work on smaller files ends before a bar is of use. */
const minTotal = 16 * 1024 * 1024;

export class ProgressBar {
  readonly #label: string;
  readonly #began = performance.now();
  #bar: cliProgress.SingleBar | undefined;

  constructor(label: string) {
    this.#label = label;
  }

  /** In bytes. */
  update(done: number, total: number): void {
    if (!process.stderr.isTTY || total < minTotal) return;
    const seconds = (performance.now() - this.#began) / 1000;
    const rate = `${(done / 1e6 / seconds).toFixed(0)} MB/s`;
    const timeLeft = total > done && done > 0 ? `${Math.ceil((seconds * (total - done)) / done)} s left` : '';
    if (!this.#bar) {
      this.#bar = newBar(this.#label);
      this.#bar.start(total, done, { rate, timeLeft });
    }
    this.#bar.setTotal(total);
    this.#bar.update(done, { rate, timeLeft });
  }

  /** Removes the bar; what is written next takes its place. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function newBar(label: string): cliProgress.SingleBar {
  return new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage}% {rate} {timeLeft}`,
      barsize: 30,
      stream: process.stderr,
      clearOnComplete: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  );
}
