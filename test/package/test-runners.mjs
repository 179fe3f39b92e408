/**
 * Test runners in their default settings, on every Node, for a service in which only the import of
 * `proper-lockfile` was replaced, and one that uses holdfast itself. The module registry is reset between
 * tests, as Jest's users do.
 */
import { join } from 'node:path';
import { everyNode, execute, project } from './workplace.mjs';

/** A service as it stands in many projects, with proper-lockfile's own API. */
const service = (module) => `
const fs = require('node:fs');
const lockfile = require('${module}');
exports.update = async (file, change) => {
  const release = await lockfile.lock(file, { retries: { retries: 3, minTimeout: 10 } });
  try {
    fs.writeFileSync(file, JSON.stringify(change(JSON.parse(fs.readFileSync(file, 'utf8')))));
  } finally {
    await release();
  }
};
exports.isLocked = (file) => lockfile.check(file);
exports.lock = (file) => lockfile.lock(file);
`;

/** Tests of a service, in the words that Jest, Vitest and Mocha share. `head` is what stands above them. */
const serviceTests = (head, name = './service.js') => `${head}
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const assert = require('node:assert');

function file() {
  const path_ = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'service-')), 'state.json');
  fs.writeFileSync(path_, '{"count":0}');
  return path_;
}

describe('the service', () => {
  it('counts without losing a step', async () => {
    const { update } = require('${name}');
    const state = file();
    const updates = Array.from({ length: 3 }, () => update(state, ({ count }) => ({ count: count + 1 })));
    const made = (await Promise.allSettled(updates)).filter(({ status }) => status === 'fulfilled').length;
    assert.ok(made >= 1);
    assert.strictEqual(JSON.parse(fs.readFileSync(state, 'utf8')).count, made);
  });

  it('knows what is locked', async () => {
    const { isLocked, lock } = require('./service.js');
    const state = file();
    assert.strictEqual(await isLocked(state), false);
    const release = await lock(state);
    assert.strictEqual(await isLocked(state), true);
    await assert.rejects(lock(state), { code: 'ELOCKED' });
    await release();
  });

  it('is told in the system\\'s words what is missing', async () => {
    const { isLocked, lock } = require('./service.js');
    await assert.rejects(lock(path.join(os.tmpdir(), 'no-such-folder', 'x')), { code: 'ENOENT' });
    await assert.rejects(isLocked(path.join(os.tmpdir(), 'no-such-folder', 'x')), { code: 'ENOENT' });
  });
});
`;

/** The same, and what its tests may do with holdfast itself. */
const tests = (head) => `${serviceTests(head)}
describe('holdfast', () => {
  it('maps the errors of the addon', async () => {
    const { HoldfastError, openChronicle, tryLock } = require('holdfast');
    await assert.rejects(tryLock(path.join(os.tmpdir(), 'no-such-folder', 'x')), { code: 'ENOENT', syscall: 'open' });
    await assert.rejects(openChronicle(os.tmpdir()), (error) => error instanceof HoldfastError && error.code === 'EIO');
    const chronicle = await openChronicle(path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'service-')), 'a.ndjson'));
    await chronicle.append({ bytes: 1 });
    assert.strictEqual((await chronicle.toArray()).length, 1);
    await chronicle.close();
  });
});
`;

/**
 * A registry that is reset again and again: the copies exclude each other, and add no listener without bound.
 */
const reset = `
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

test('twelve copies exclude each other, add no listeners, and know each other\\'s errors', async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'service-')), 'x');
  const { HoldfastError, lock, tryLock } = require('holdfast');
  const held = await lock(file);
  const before = process.listenerCount('exit');
  for (let i = 0; i < 12; i++) {
    jest.resetModules();
    const copy = require('holdfast');
    require('holdfast/proper-lockfile');
    const chronicle = await copy.openChronicle(path.join(path.dirname(file), 'a.ndjson'));
    await chronicle.append({ i });
    await chronicle.close();
    expect(copy.lock).not.toBe(lock);
    expect(await copy.tryLock(file)).toBeNull();
    const error = await copy.lock(file, { timeout: 1 }).catch((caught) => caught);
    expect(error).toBeInstanceOf(HoldfastError);
  }
  expect(process.listenerCount('exit') - before).toBeLessThanOrEqual(1);
  await held.release();
  expect(await tryLock(file)).not.toBeNull();
});
`;

async function runs({ packages, files, command, manifest = {} }) {
  const folder = project({
    'service.js': service('holdfast/proper-lockfile'),
    ...files,
    'package.json': { private: true, name: 'service', version: '1.0.0', ...manifest },
  });
  await execute('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', 'holdfast', ...packages], {
    cwd: folder,
  });
  const [program, ...parameters] = command;
  for (const [node] of everyNode())
    await execute(node, [join(folder, 'node_modules', program), ...parameters], { cwd: folder });
}

const plain = { 'service.test.js': tests('') };

/** The same tests pass before the import was changed. */
const before = {
  'before.js': service('proper-lockfile'),
  'before.test.js': serviceTests('', './before.js'),
};
const original = 'proper-lockfile@4';
const jest = ['jest/bin/jest.js', '--ci'];

const typescript = `
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lock, tryLock } from 'holdfast';
import * as lockfile from 'holdfast/proper-lockfile';

test('types and values', async () => {
  const options: lockfile.LockOptions = { retries: 1 };
  const file = join(mkdtempSync(join(tmpdir(), 'service-')), 'x');
  const held = await lock(file);
  expect(await tryLock(file)).toBeNull();
  await held.release();
  await (await lockfile.lock(file, options))();
});
`;

const tsJest = {
  packages: ['jest@29', 'ts-jest@29', 'typescript@5.9', '@types/node@20', '@types/jest@29'],
  files: {
    'service.test.ts': typescript,
    'tsconfig.json': {
      compilerOptions: { module: 'commonjs', target: 'es2022', strict: true, types: ['node', 'jest'] },
    },
  },
  manifest: { jest: { preset: 'ts-jest' } },
  command: jest,
};

export const testRunners = [
  [
    'Jest 29, default settings',
    () => runs({ packages: ['jest@29', original], files: { ...plain, ...before }, command: jest }),
  ],
  [
    'Jest 30, default settings',
    () => runs({ packages: ['jest@30', original], files: { ...plain, ...before }, command: jest }),
  ],
  [
    'Jest 30, modules reset twelve times',
    () => runs({ packages: ['jest@30'], files: { 'reset.test.js': reset }, command: jest }),
  ],
  [
    'Jest 30, jsdom',
    () =>
      runs({
        packages: ['jest@30', 'jest-environment-jsdom@30'],
        files: { 'service.test.js': `/** @jest-environment jsdom */${tests('')}` },
        command: jest,
      }),
  ],
  ['ts-jest 29', () => runs(tsJest)],
  [
    'Jest 30 with babel-preset-env',
    () =>
      runs({
        packages: ['jest@30', '@babel/preset-env@7', '@babel/core@7'],
        files: {
          'babel.config.json': { presets: [['@babel/preset-env', { targets: { node: 'current' } }]] },
          'service.test.js': tests("import 'holdfast';"),
        },
        command: jest,
      }),
  ],
  [
    'Vitest 4',
    () =>
      runs({
        packages: ['vitest@4', 'vite@7'],
        files: {
          'service.test.mjs': tests(
            "import { createRequire } from 'node:module';\nimport { describe, it } from 'vitest';\nconst require = createRequire(import.meta.url);",
          ),
        },
        command: ['vitest/vitest.mjs', 'run'],
      }),
  ],
  [
    'Vitest 4, vmThreads',
    () =>
      runs({
        packages: ['vitest@4', 'vite@7'],
        files: {
          'service.test.mjs': tests(
            "import { createRequire } from 'node:module';\nimport { describe, it } from 'vitest';\nimport 'holdfast';\nconst require = createRequire(import.meta.url);",
          ),
        },
        command: ['vitest/vitest.mjs', 'run', '--pool=vmThreads'],
      }),
  ],
  [
    'Mocha 11',
    () => runs({ packages: ['mocha@11'], files: plain, command: ['mocha/bin/mocha.js', '*.test.js'] }),
  ],
  [
    'node:test',
    async () => {
      const folder = project({
        'service.js': service('holdfast/proper-lockfile'),
        'service.test.js': tests("const { describe, it } = require('node:test');"),
      });
      await execute('npm', ['install', '--no-audit', '--no-fund', 'holdfast'], { cwd: folder });
      for (const [node] of everyNode()) await execute(node, ['--test'], { cwd: folder });
    },
  ],
];
