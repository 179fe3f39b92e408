/**
 * A chronicle in rotated files: opening it with `dedupe: 'all'`, `verify`, `find` and reading, with the memory that each
 * takes in a process of its own; what the positions of all entries cost; and what it costs to list the rotated files.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openChronicle } from 'holdfast';
import { numbersFromCommandLine } from './support/arguments.js';
import { eventSource } from './support/events.js';
import { fileSystemOf, format, printTable, writeResult } from './support/report.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const eventBytes = 200;
/** What is asked for one event after the other, so many times. */
const looks = 50;

const withChronicle = async (path, options, use) => {
  const chronicle = await openChronicle(path, options);
  const result = await use(chronicle);
  await chronicle.close();
  return result;
};

const read = (path, look) =>
  withChronicle(path, {}, async (chronicle) => {
    let characters = 0;
    for await (const entries of chronicle.readBatches())
      for (const entry of entries) characters += look(entry);
    return characters;
  });

const tasks = {
  async write(path, bytes, files) {
    const options = { dedupe: 'all', durability: 'none', rotate: { maxBytes: Math.ceil(bytes / files) } };
    return withChronicle(path, options, async (chronicle) => {
      const nextEvent = eventSource(eventBytes, 'rotated');
      const ids = [];
      for (let written = 0; written < bytes; ) {
        const results = await chronicle.appendMany(Array.from({ length: 1000 }, nextEvent));
        written = written + results.length * (eventBytes + 80);
        if (ids.length === 0) ids.push(results[0].eventId);
        ids[1] = results.at(-1).eventId;
      }
      return { ids, files: (await chronicle.files()).length };
    });
  },
  open: (path) =>
    withChronicle(path, { dedupe: 'all', rotate: { maxBytes: 1e15 } }, (chronicle) =>
      chronicle.append({ at: Date.now() }),
    ),
  verify: (path) => withChronicle(path, {}, (chronicle) => chronicle.verify()),
  find: (path, id) => withChronicle(path, {}, (chronicle) => chronicle.find(id)),
  read: (path) => read(path, ({ event }) => event.number & 1),
  positions: (path) => read(path, ({ position }) => position.length),
  async look(path) {
    await withChronicle(path, {}, async (chronicle) => {
      for (let n = 0; n < looks; n++) await chronicle.tail(1);
    });
  },
  async lookAtOne(path) {
    await withChronicle(path, {}, async (chronicle) => {
      for (let n = 0; n < looks; n++) await chronicle.tail(1, { files: 'current' });
    });
  },
};

if (process.send) {
  process.once('message', async ({ task, args }) => {
    const before = process.resourceUsage();
    const began = performance.now();
    const result = await tasks[task](...args);
    const milliseconds = performance.now() - began;
    const after = process.resourceUsage();
    // In microseconds, of all threads: what else the machine does is not in it.
    const used = ({ userCPUTime, systemCPUTime }) => userCPUTime + systemCPUTime;
    const processorMilliseconds = (used(after) - used(before)) / 1000;
    // In kilobytes: the most that was resident.
    const megabytes = (after.maxRSS - before.maxRSS) / 1000;
    const measured = { milliseconds, processorMilliseconds, megabytes };
    process.send({ ...measured, result: task === 'write' ? result : undefined }, () => process.exit());
  });
} else {
  const options = numbersFromCommandLine({ gigabytes: 1, files: 10 });
  const directory = temporaryDirectory();
  const path = join(directory, 'chronicle');
  const inProcess = async (task, ...args) => {
    const child = fork(import.meta.filename);
    child.send({ task, args });
    const [measured] = await once(child, 'message');
    await once(child, 'exit');
    return measured;
  };
  const { ids, files } = (await inProcess('write', path, options.gigabytes * 1e9, options.files)).result;
  const measured = {};
  const measure = async (what, task, ...args) => {
    measured[what] = await inProcess(task, path, ...args);
  };
  await measure("open with dedupe: 'all', to the first acknowledgement", 'open');
  await measure('find the first event', 'find', ids[0]);
  await measure('find the last event', 'find', ids[1]);
  await measure('find an id that is not there', 'find', '0'.repeat(64));
  await measure('verify', 'verify');
  await measure('read everything', 'read');
  await measure('read everything, with every position', 'positions');
  await measure(`tail(1), ${looks} times`, 'look');
  await measure(`tail(1) of the current file, ${looks} times`, 'lookAtOne');
  printTable(
    `A chronicle of ${format(options.gigabytes)} GB in ${files} files`,
    ['', 'ms', 'processor ms', 'more MB resident'],
    Object.entries(measured).map(([what, { milliseconds, processorMilliseconds, megabytes }]) => [
      what,
      format(milliseconds),
      format(processorMilliseconds),
      format(megabytes),
    ]),
  );
  writeResult('rotated', { options, files, fileSystem: fileSystemOf(directory), measured });
  rmSync(directory, { recursive: true, force: true });
}
