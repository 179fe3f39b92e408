/** The command with a chronicle or a lock on a server in place of a file. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type Postgres } from 'holdfast/postgres';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { finished, linesOf, run, start } from '../support/command.js';
import { temporaryDirectory } from '../support/files.js';
import { noPostgres, PostgresServer } from '../support/postgres.js';

let number = 0;
const password = 'sEcret-Pass';

describe.skipIf(noPostgres)('the command on a server', { timeout: 180_000 }, () => {
  let server: PostgresServer;
  let postgres: Postgres;
  beforeAll(async () => {
    server = await PostgresServer.start();
    postgres = await connect({ connectionString: server.connectionString });
  });
  afterAll(async () => {
    await postgres.close();
    await server.remove();
  });

  const newName = () => `orders '); DROP TABLE events; -- ${number++}`;

  /** With a password, which the server does not ask for, and nobody is to see. */
  function addressOf(name: string, parameter = 'chronicle', more: Record<string, string> = {}): string {
    const url = new URL(server.connectionString);
    url.password = password;
    for (const [key, value] of Object.entries({ [parameter]: name, ...more }))
      url.searchParams.set(key, value);
    return url.href;
  }

  const lines = Array.from({ length: 30 }, (_, n) => `{ "n": ${n}, "eventId": "${n}" }\n`);

  async function filled(count = 30): Promise<{ name: string; address: string; file: string }> {
    const name = newName();
    const chronicle = await postgres.openChronicle(name, { dedupe: 'all' });
    await chronicle.appendManyJson(lines.slice(0, count));
    await chronicle.close();
    return { name, address: addressOf(name), file: join(temporaryDirectory(), 'orders.ndjson') };
  }

  async function output(...args: string[]): Promise<string> {
    const { code, out, err } = await run(args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out;
  }

  it('append makes the chronicle, acknowledges each event, and leaves out what is there', async () => {
    const address = addressOf(newName(), 'chronicle', { schema: 'an "odd" one; --' });
    const first = await run(['append', '--json', address], '{"n":1,"eventId":"a"}\nno event\n{"n":2.50}\n');
    expect(first.code).toBe(1);
    expect(first.err).toBe('holdfast: line 2: not JSON\n');
    expect(first.out).toContain('{"line":1,"offset":0,"next":22,"eventId":"a","duplicate":false}\n');
    const again = await run(['append', '-v', '--dedupe', 'all', address], '{"n":1,"eventId":"a"}\n{"n":3}\n');
    expect(again).toMatchObject({ code: 0, err: 'holdfast: 1 event appended, 1 duplicate\n' });
    const printed = (await output('cat', address)).split('\n');
    expect(printed[0]).toBe('{"n":1,"eventId":"a"}');
    expect(printed[1]).toMatch(/^\{"n":2\.50,"eventId":"/);
  });

  it('cat prints events byte for byte: all of them, from an offset, after a position, and not more than so many', async () => {
    const { name, address } = await filled();
    expect(await output('cat', address)).toBe(lines.join(''));
    const chronicle = await postgres.openChronicle(name);
    const [third] = await chronicle.toArray({ from: 60, limit: 1 });
    await chronicle.close();
    const after = lines.slice(third?.event.n as number);
    expect(await output('cat', '--from', '60', address)).toBe(after.join(''));
    expect(await output('cat', '--after', third?.position as string, '--limit', '2', address)).toBe(
      after.slice(1, 3).join(''),
    );
  });

  it('tail prints the last events, and with -f those that come', async () => {
    const { name, address } = await filled();
    expect(await output('tail', address)).toBe(lines.slice(20).join(''));
    expect(await output('tail', '-n', '100', address)).toBe(lines.join(''));
    const command = start(['tail', '-n', '1', '-f', address]);
    const printed = linesOf(command);
    expect(await printed.next()).toBe(lines[29]?.trim());
    const chronicle = await postgres.openChronicle(name);
    await chronicle.appendJson('{ "n": 30 ,"eventId":"x"}');
    await chronicle.close();
    expect(await printed.next()).toBe('{ "n": 30 ,"eventId":"x"}');
    expect(readFileSync(`/proc/${command.pid}/cmdline`, 'latin1')).not.toContain(password);
    command.kill('SIGINT');
    expect(await finished(command)).toMatchObject({ code: 'SIGINT', err: '' });
  });

  it('tail and cat say what is gone after a position', async () => {
    const { name, address } = await filled();
    const keeper = await postgres.openChronicle(name, { retain: { maxEvents: 2 } });
    const [first] = await keeper.toArray({ limit: 1 });
    await keeper.append({ kept: true });
    await keeper.close();
    const position = first?.position as string;
    for (const command of ['cat', 'tail']) {
      const { code, out, err } = await run([command, '--after', position, address]);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toContain('are gone');
    }
    const goesOn = await run(['tail', '--after', position, '--on-gap', 'continue', address]);
    expect(goesOn.code).toBe(0);
    expect(goesOn.out.split('\n')).toHaveLength(3);
    expect(goesOn.err).toContain('are gone');
  });

  it('verify and stat tell of it, by its name', async () => {
    const { name, address } = await filled(3);
    const bytes = lines.slice(0, 3).join('').length;
    expect(JSON.parse(await output('verify', '--json', address))).toMatchObject({
      intact: true,
      events: 3,
      bytes,
    });
    expect(await output('verify', address)).toContain(`${name}: intact`);
    const facts = JSON.parse(await output('stat', '--json', address));
    expect(facts).toMatchObject({
      path: name,
      bytes,
      events: 3,
      removedBytes: 0,
      lastEvent: { eventId: '2' },
    });
    expect(Date.now() - Date.parse(facts.modified)).toBeLessThan(3_600_000);
    expect(await output('stat', address)).toContain(name);
  });

  it('keeps a chain: append, head, verify, repair, mirror and import', async () => {
    const address = addressOf(newName());
    const input = '{"eventId":"a"}\n{"eventId":"b"}\n';
    expect(await run(['append', '--chain', address], input)).toMatchObject({ code: 0, err: '' });
    const link = (await output('head', address)).trim();
    expect(await output('verify', '--expect', link, address)).toContain('holds, 2 events');
    expect(await output('repair', address)).toContain('nothing to repair');
    expect((await run(['append', address], '{}\n')).code).toBe(2);
    const file = join(temporaryDirectory(), 'orders.ndjson');
    await output('mirror', '--no-follow', address, file);
    expect(await output('verify', '--expect', link, file)).toContain('holds, 2 events');
    const bytes = addressOf(newName());
    await output('import', file, bytes);
    expect(await output('cat', bytes)).toBe(readFileSync(file, 'utf8'));
  });

  it('mirror copies it and follows it, and import brings a file there', async () => {
    const { name, address, file } = await filled();
    const { code, err } = await run(['mirror', '--no-follow', '-v', address, file]);
    expect({ code, err }).toEqual({ code: 0, err: 'holdfast: 30 events mirrored, 850 bytes\n' });
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''));
    const command = start(['mirror', address, file]);
    const chronicle = await postgres.openChronicle(name);
    await chronicle.appendJson('{"eventId":"comes"}');
    await chronicle.close();
    const all = `${lines.join('')}{"eventId":"comes"}\n`;
    while (readFileSync(file, 'utf8') !== all) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(readFileSync(`/proc/${command.pid}/cmdline`, 'latin1')).not.toContain(password);
    command.kill('SIGTERM');
    expect(await finished(command)).toMatchObject({ code: 'SIGTERM', out: '', err: '' });

    const other = addressOf(newName());
    writeFileSync(file, `junk\n${all}`);
    const imported = await run(['import', '-v', '--json', file, other]);
    expect(imported).toEqual({
      code: 1,
      out: '{"events":31,"duplicates":0,"corrupt":1}\n',
      err: `holdfast: corrupt line in '${file}' at offset 0, 5 bytes (json)\nholdfast: 31 events appended, 0 duplicates\n`,
    });
    expect(await output('cat', other)).toBe(all);
  });

  it('lock runs a command while the lock is held, with its token, and gives up in time', async () => {
    const address = addressOf(newName(), 'lock');
    const command = start(['lock', address, '--', 'sh', '-c', 'echo $HOLDFAST_FENCE; read line; exit 7']);
    expect(await linesOf(command).next()).toBe('1');
    const conflict = await run(['lock', '--timeout', '50ms', '-E', '9', address, '--', 'echo', 'never']);
    expect(conflict).toMatchObject({ code: 9, out: '' });
    expect(conflict.err).toContain('session');
    expect((await run(['lock', '-n', address, '--', 'echo', 'never'])).code).toBe(75);
    expect((await output('holders', address)).split('\t')).toContain('exclusive');
    command.stdin?.end('\n');
    expect(await once(command, 'exit')).toEqual([7, null]);
    expect(await output('lock', address, '--', 'sh', '-c', 'echo $HOLDFAST_FENCE')).toBe('2\n');
    expect(await output('holders', '--json', address)).toBe('[]\n');
  });

  it('lock ends its command when the lock is lost', async () => {
    const name = newName();
    const command = start([
      'lock',
      addressOf(name, 'lock'),
      '--',
      'sh',
      '-c',
      'echo started; exec sleep 1000',
    ]);
    expect(await linesOf(command).next()).toBe('started');
    const [holder] = await postgres.lockHolders(name);
    await server.query('SELECT pg_terminate_backend($1)', [holder?.pid]);
    const { code, err } = await finished(command);
    expect(code).toBe(143);
    expect(err).toContain('is gone');
  });

  describe('refuses', () => {
    it('what has no meaning there, by name, and exits with 2', async () => {
      const { address } = await filled(1);
      const lock = addressOf('nightly', 'lock');
      const cases: [string[], string][] = [
        [['repair', address], 'FILE: has no chain'],
        [['cat', '--current', address], '--current: '],
        [['tail', '--current', address], '--current: '],
        [['verify', '--current', address], '--current: '],
        [['cat', '--after', 'x', address], '--after: '],
        [['lock', '--no-create', lock, '--', 'true'], '--no-create: '],
        [['lock', '-u', lock], 'a command is missing'],
        [['lock', address, '--', 'true'], 'FILE: names a chronicle'],
        [['cat', lock], 'FILE: names a lock'],
        [['cat', server.connectionString], 'FILE: names no chronicle'],
        [['holders', server.connectionString], 'FILE: names no lock'],
        [['cat', `${address}&chronicle=two`], 'FILE: names more than one'],
        [['cat', `${address}&schema=pg_own`], 'FILE: '],
        [['mirror', 'orders.ndjson', 'other.ndjson'], 'CHRONICLE: expected postgres://'],
        [['cat', address.replace('postgres:', 'mysql:')], 'FILE: an address begins with'],
        [['append', address.replace('postgres:', 'Postgres:')], 'FILE: an address begins with'],
        [['import', 'orders.ndjson', address.replace('postgres:', 'postgre:')], 'CHRONICLE: an address'],
        [['mirror', address, address], 'FILE: is on a server'],
        [['import', address, address], 'FILE: is on a server'],
        [['import', 'orders.ndjson', 'other.ndjson'], 'CHRONICLE: expected postgres://'],
      ];
      const outcomes = await Promise.all(cases.map(([args]) => run(args)));
      for (const [index, { code, out, err }] of outcomes.entries()) {
        const [args, message] = cases[index] as [string[], string];
        expect({ code, out }, args.join(' ')).toEqual({ code: 2, out: '' });
        expect(err).toContain(message);
        expect(err).not.toContain(password);
      }
      expect(existsSync('postgres:')).toBe(false);
    });

    it('to make a chronicle that is only to be read', async () => {
      const address = addressOf(newName());
      for (const command of [['cat'], ['tail'], ['verify'], ['stat'], ['head']]) {
        const { code, err } = await run([...command, address]);
        expect({ code, err }).toEqual({
          code: 1,
          err: expect.stringContaining('there is no chronicle of this name'),
        });
      }
    });

    it('without a password in any message: no server, no right, no address', async () => {
      const name = newName();
      await server.query('CREATE ROLE reads_nothing LOGIN');
      const [as, elsewhere] = [new URL(addressOf(name)), new URL(addressOf(name))];
      as.username = 'reads_nothing';
      as.searchParams.set('schema', 'of nobody');
      elsewhere.port = '1';
      const addresses = [
        as.href,
        elsewhere.href,
        addressOf(name).replace(/:\d+\//, ':port/'),
        addressOf(name).replace('127.0.0.1', '[::1'),
      ];
      for (const address of addresses) {
        const { code, err } = await run(['append', address], '{}\n');
        expect(code).toBeGreaterThan(0);
        expect(err).toMatch(/^holdfast: ./);
        expect(err).not.toContain(password);
      }
    });
  });

  it('needs pg only there, and says so where it is not installed', async () => {
    const without = join(temporaryDirectory(), 'without.cjs');
    writeFileSync(
      without,
      `const { Module } = require('node:module');
       const resolve = Module._resolveFilename;
       Module._resolveFilename = function (name, ...more) {
         if (name === 'pg') throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' });
         return resolve.call(this, name, ...more);
       };`,
    );
    const env = { NODE_OPTIONS: `--require ${without}` };
    const { address, file } = await filled(1);
    writeFileSync(file, '{"n":1}\n');
    expect(await finished(start(['cat', file], env))).toEqual({ code: 0, out: '{"n":1}\n', err: '' });
    const { code, err } = await finished(start(['cat', address], env));
    expect({ code, err }).toEqual({
      code: 2,
      err: "holdfast: FILE: needs the package 'pg', which is not installed: npm install pg\n",
    });
  });

  it('loads nothing of it for a file', async () => {
    const { file } = await filled(1);
    writeFileSync(file, '');
    const loaded = join(temporaryDirectory(), 'loaded.cjs');
    writeFileSync(
      loaded,
      `process.on('exit', () => {
         const names = Object.keys(require.cache).filter((name) => /engines.postgres|node_modules.pg/.test(name));
         process.stderr.write(names.join());
       });`,
    );
    const env = { NODE_OPTIONS: `--require ${loaded}` };
    for (const command of ['cat', 'append', 'verify', 'stat', 'tail']) {
      const started = start([command, file], env);
      started.stdin?.end();
      expect(await finished(started)).toMatchObject({ code: 0, err: '' });
      onTestFinished(() => void started.kill());
    }
  });
});
