/**
 * A million appends by one process, with 64 callers: processor time for each, and what becomes of speed and memory from
 * the first ones to the last. Then a large chronicle is opened with `dedupe: 'all'`, with its file of ids and without.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { numbersFromCommandLine } from './support/arguments.js';
import { eventSource } from './support/events.js';
import { fileSystemOf, format, printTable, writeResult } from './support/report.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const callers = 64;

/** Appends, and tells at each tenth what has been used since the last one. */
async function append(path, dedupe, count, bytes) {
  const chronicle = await openChronicle(path, { dedupe: dedupe === 'all' ? 'all' : undefined });
  const nextEvent = eventSource(bytes, 'endurance');
  const tenths = [];
  let left = count;
  let time = process.hrtime.bigint();
  let processor = process.cpuUsage();
  const run = async () => {
    while (left > 0) {
      left--;
      await chronicle.append(nextEvent());
      if (left % (count / 10) !== 0) continue;
      const now = process.hrtime.bigint();
      const { user, system } = process.cpuUsage(processor);
      tenths.push({
        perSecond: count / 10 / (Number(now - time) / 1e9),
        processorMicroseconds: (user + system) / (count / 10),
        residentMegabytes: process.memoryUsage.rss() / 1e6,
      });
      [time, processor] = [now, process.cpuUsage()];
    }
  };
  await Promise.all(Array.from({ length: callers }, run));
  const { known } = chronicle.stats();
  await chronicle.close();
  return { tenths: tenths.slice(0, 10), known };
}

/** From opening to the first acknowledgement, in milliseconds. */
async function open(path) {
  const began = performance.now();
  const chronicle = await openChronicle(path, { dedupe: 'all' });
  await chronicle.append({ opened: began });
  const milliseconds = performance.now() - began;
  const { known } = chronicle.stats();
  await chronicle.close();
  return { milliseconds, known };
}

if (process.send) {
  process.once('message', async ({ call, args }) => {
    const result = await (call === 'append' ? append : open)(...args);
    process.send(result, () => process.exit());
  });
} else {
  const options = numbersFromCommandLine({ appends: 1_000_000, bytes: 200, megabytes: 1000 });
  const directory = temporaryDirectory();

  const inProcess = async (call, ...args) => {
    const child = fork(import.meta.filename);
    child.send({ call, args });
    const [result] = await once(child, 'message');
    await once(child, 'exit');
    return result;
  };

  const rows = [];
  const measured = {};
  for (const dedupe of ['window', 'all']) {
    const path = join(directory, dedupe);
    const { tenths, known } = await inProcess('append', path, dedupe, options.appends, options.bytes);
    measured[dedupe] = { tenths, known };
    for (const index of [0, 4, 9]) {
      const { perSecond, processorMicroseconds, residentMegabytes } = tenths[index];
      rows.push([
        index === 0 ? (dedupe === 'all' ? "'all'" : '{ window: 10_000 }, the default') : '',
        `${index + 1}`,
        format(perSecond),
        format(processorMicroseconds),
        format(residentMegabytes),
        index === 9 ? format(known.bytes / known.ids) : '',
      ]);
    }
    rmSync(path);
  }
  printTable(
    `${format(options.appends)} durable appends of ${options.bytes}-byte events, 1 process x ${callers} callers`,
    ['dedupe', 'tenth', 'appends/s', 'processor us each', 'resident MB', 'bytes per remembered id'],
    rows,
  );

  const path = join(directory, 'large');
  const count = Math.ceil((options.megabytes * 1e6) / (options.bytes + 80));
  await inProcess('append', path, 'all', Math.ceil(count / 10) * 10, options.bytes);
  const opened = [];
  for (let round = 0; round < 3; round++) opened.push((await inProcess('open', path)).milliseconds);
  rmSync(`${path}.ids`);
  const { milliseconds: without, known } = await inProcess('open', path);
  const megabytes = statSync(path).size / 1e6;
  printTable(
    `Opening a chronicle of ${format(megabytes)} MB and ${format(known.ids)} events with dedupe: 'all', to the first acknowledgement`,
    ['', 'ms'],
    [
      ['with its file of ids', format(opened.sort((a, b) => a - b)[1])],
      ['without: the file is read', format(without)],
    ],
  );
  writeResult('endurance', {
    options,
    fileSystem: fileSystemOf(directory),
    measured,
    opened: { megabytes, ids: known.ids, withIds: opened, without },
  });
}
