/** C5: a rotated file that cannot be read is not taken for one that holds no events. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ChronicleProcess } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { filesOf } from '../support/lines.js';
import { SystemCalls, unwatchable } from '../support/system-calls.js';

it.skipIf(unwatchable).each([['all' as const], [{ window: 100 }]])(
  'C5: an append with dedupe %j rejects, and writes nothing twice',
  async (dedupe) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'chronicle');
    const options = { dedupe, rotate: { maxBytes: 30 } };
    const calls = await SystemCalls.under(directory);
    const process = await ChronicleProcess.open(file, options, { env: calls.env });
    for (const eventId of ['in the first file', 'in the second file']) await process.append({ eventId });
    await process.ask('close');
    expect(filesOf(file)).toHaveLength(2);

    calls.answerAll(({ name, path }) =>
      name === 'open' && /^chronicle\.[^.]*\.[^.]*$/.test(path) ? { fail: 'EIO' } : 'go',
    );
    await process.ask('open', file, options);
    const refused = { code: 'EIO', outcomeUnknown: false, cause: { code: 'EIO' } };
    await expect(process.append({ eventId: 'in the first file' })).rejects.toMatchObject(refused);
    calls.letGo();
    expect(await process.append({ eventId: 'in the first file' })).toMatchObject({ duplicate: true });
  },
);
