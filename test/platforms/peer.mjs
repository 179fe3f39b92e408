// The other process of core.mjs. Commands come as JSON lines [command, ...parameters]; each is answered with a JSON line
// { result } or { error }.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { appendEventWithId, lock, openChronicle, tryLock } from 'holdfast';

const locks = new Map();

const commands = {
  async lock(file, options) {
    locks.set(file, await lock(file, options));
    return true;
  },
  async tryLock(file, options) {
    const held = await tryLock(file, options);
    if (held) locks.set(file, held);
    return held !== null;
  },
  async release(file, options) {
    await locks.get(file).release(options);
  },
  // A child that outlives this process and would keep what it inherits.
  startChild([command, ...parameters]) {
    const program = new URL('sleep.mjs', import.meta.url).pathname.replace(/^\/([A-Z]:)/, '$1');
    spawn(command, [...parameters, program], { stdio: 'ignore', detached: true }).unref();
  },
  /** Whether it is a duplicate. */
  async append(file, event) {
    return (await appendEventWithId(file, event)).duplicate;
  },
  /** How many were acknowledged. */
  async appendMany(file, name, count, bytes) {
    const chronicle = await openChronicle(file, { lockTimeout: 60_000 });
    const text = 'x'.repeat(bytes);
    const events = Array.from({ length: count }, (_, number) => ({ name, number, text }));
    let acknowledged = 0;
    for (let at = 0; at < count; at += 10) {
      const results = await Promise.all(events.slice(at, at + 10).map((event) => chronicle.append(event)));
      acknowledged += results.length;
    }
    await chronicle.close();
    return acknowledged;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...parameters] = JSON.parse(line);
  let answer;
  try {
    answer = { result: await commands[command](...parameters) };
  } catch ({ code, message }) {
    answer = { error: { code, message } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
