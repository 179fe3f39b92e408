/**
 * Every system call that an append makes, failed one after the other, once and for ever. Whatever fails: what was
 * acknowledged is in the file, what was refused is not, and everything can be sent again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChronicleProcess, RemoteError } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { countIds, eventsOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

const sent = [['a'], ['b', 'a', 'c'], ['d']];
const all = ['a', 'b', 'c', 'd'];

describe.skipIf(unwatchable)('A system call that fails', () => {
  it.each([
    ['once', () => false],
    ['and every one behind it', () => true],
    ['and every one of its kind behind it', (call: string, first: string) => call === first],
  ])('%s, loses and repeats nothing', { timeout: 20_000 }, async (_, failsToo) => {
    const directory = temporaryDirectory();
    const calls = await SystemCalls.under(directory);
    const process = new ChronicleProcess({ env: calls.env });

    const failures: string[] = [];
    for (let failing = 1, reached = true; reached; failing++) {
      const file = join(directory, `${failing}`, 'new', 'chronicle');
      let count = 0;
      let failed = 'nothing';
      let kind = '';
      reached = false;
      calls.answerAll((call) => {
        const [name = ''] = call.split(' ');
        // A lock that cannot be released is no error that a file system has.
        if (name === 'unlock') return 'go';
        if (++count === failing) {
          reached = true;
          failed = `call ${failing}: ${call}`;
          kind = name;
        } else if (!reached || !failsToo(name, kind)) {
          return 'go';
        }
        return { fail: 'EIO' };
      });

      const acknowledged = new Set<string>();
      const refused = new Set<string>();
      for (const ids of sent) {
        try {
          // Opened for each, so that each looks at what is in the file.
          await process.ask('open', file, {});
          await process.appendMany(ids.map((eventId) => ({ eventId })));
          await process.ask('close');
          for (const id of ids) acknowledged.add(id);
        } catch (error) {
          expect(error, failed).toBeInstanceOf(RemoteError);
          expect(error, failed).toMatchObject({ name: 'HoldfastError', code: 'EIO', cause: { code: 'EIO' } });
          if (!(error as RemoteError).outcomeUnknown) for (const id of ids) refused.add(id);
        }
      }
      const present = existsSync(file) ? countIds(eventsOf(file)) : new Map<unknown, number>();
      for (const id of acknowledged) expect(present.get(id), `acknowledged ${id}, ${failed}`).toBe(1);
      // 'a' was sent twice; the handle that the first failure poisoned may have refused the second one.
      for (const id of refused)
        if (id !== 'a') expect(present.has(id), `refused ${id}, ${failed}`).toBe(false);

      calls.letGo();
      await process.ask('open', file, {});
      for (const ids of sent) await process.appendMany(ids.map((eventId) => ({ eventId })));
      await process.ask('close');
      expect([...countIds(eventsOf(file))].sort(), failed).toEqual(all.map((id) => [id, 1]));
      failures.push(kind);
    }
    for (const call of ['mkdir', 'open', 'flock', 'stat', 'fstat', 'pread', 'fsync', 'writev', 'fdatasync']) {
      expect(failures).toContain(call);
    }
  });
});
