/**
 * What is seen while the writers run: a bar for each of them on a terminal, and a line for each incident
 * elsewhere.
 */
import cliProgress from 'cli-progress';
import type { Observer } from './supervisor.mjs';

export interface Progress extends Observer {
  stop(): void;
}

/** `total`: the events of each writer. */
export function showProgress(writers: readonly string[], total: number): Progress {
  return process.stdout.isTTY ? showBars(writers, total) : writeLines();
}

function showBars(writers: readonly string[], total: number): Progress {
  const bars = new cliProgress.MultiBar(
    {
      format: '{writer} {bar} {value} of {total} {note}',
      barsize: 30,
      fps: 20,
      hideCursor: true,
      // What remains on the screen is the end, also of what took less time than a frame.
      forceRedraw: true,
      gracefulExit: false, // main.ts stops them when it is interrupted
    },
    cliProgress.Presets.shades_classic,
  );
  const barOf = new Map(
    writers.map((writer) => [writer, bars.create(total, 0, { writer, note: '' })] as const),
  );
  return {
    acknowledged: (writer, count) => barOf.get(writer)?.update(count),
    killed: (writer, count) => barOf.get(writer)?.update({ note: `(killed after ${count})` }),
    startedAgain: (writer, count) =>
      barOf.get(writer)?.update(0, { note: `(killed after ${count}, started again)` }),
    finished: (writer, count) => barOf.get(writer)?.update(count),
    stop: () => bars.stop(),
  };
}

function writeLines(): Progress {
  const say = (line: string): void => console.log(line);
  return {
    acknowledged() {},
    killed: (writer, count) => say(`${writer} killed after ${count} acknowledgements`),
    startedAgain: (writer) => say(`${writer} started again`),
    finished: (writer, count) => say(`${writer} finished, ${count} acknowledgements`),
    stop() {},
  };
}
