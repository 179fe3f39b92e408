// Calls every function of the addon with odd values: `<directory>`. The addon is private, and lib/ checks what
// users give; but no call of it may end the process, hang, or do something else than it says. Prints how many
// calls there were for each function.
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [directory] = process.argv.slice(2);
process.chdir(directory);
const { native } = createRequire(import.meta.url)('../../dist/lib/native/addon.js');
const shared = new Uint8Array(new SharedArrayBuffer(64)).fill(10);
const resizable = new ArrayBuffer(64, { maxByteLength: 128 });
const shrunk = new Uint8Array(resizable);
resizable.resize(0);
const detached = new Uint8Array(16);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const cyclic = {};
cyclic.options = cyclic;
const throwing = new Proxy(
  {},
  {
    get() {
      throw new Error('get');
    },
  },
);
const hostile = {
  valueOf() {
    throw new Error('valueOf');
  },
  toString() {
    throw new Error('toString');
  },
};
const odd = [
  ...[undefined, null, true, false, Number.NaN, -0, 0, 1, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 64],
  ...[-(2 ** 63), 1e300, -1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0n, -1n, 2n ** 64n],
  ...['', 'x', '\0', 'a\0b', 'x'.repeat(5000), '\ud83d', Symbol('x'), () => {}, class {}, {}, [], [1, 2]],
  ...[{ length: 5 }, new Array(2 ** 20), cyclic, throwing, hostile, revoked.proxy, new Date(Number.NaN)],
  ...[Buffer.alloc(0), Buffer.from('x\0y'), Buffer.alloc(5000, 'x'), shared, shrunk, detached],
  ...[new DataView(new ArrayBuffer(3)), new Float64Array(3), new Uint8Array(7), new Uint32Array(1)],
];

const ends = new Uint32Array(4);
const done = () => {};
let files = 0;
const newFile = () => `file ${files++}`;
const newDescriptor = () => openSync(newFile(), 'w+');
const held = (flags = 3) => native.tryLockOnThisThread(`${directory}/${newFile()}`, flags, 0, 0);
const begun = () => native.beginReplacement(newFile(), 0, undefined, 0o600, 0, done);
const lockFile = () => {
  const file = `${directory}/lock`;
  writeFileSync(file, '');
  return file;
};
const lines = Buffer.from('{"eventId":"a"}\n{"eventId":"b"}\n');

/** Of each function, arguments that it takes. */
const takes = {
  tryLockOnThisThread: () => [newFile(), 3, 0, 0],
  tryLock: () => [newFile(), 3, 0, 0, done],
  waitLock: () => [newFile(), 7, 0, 10, done, 5],
  waitLockSync: () => [newFile(), 7, 0n, 10n, 5],
  cancel: () => [native.tryLock(newFile(), 3, 0, 0, done)],
  convert: () => [held(7), 0],
  isFcntl: () => [held()],
  giveAway: () => [held()],
  identityOf: () => [held()],
  isKnownLocal: () => [newFile()],
  identifyForHolders: () => [newFile(), done],
  identifyForHoldersSync: () => [newFile()],
  findHolders: () => [[native.identifyForHoldersSync(directory)], 5, done],
  findHoldersSync: () => [[native.identifyForHoldersSync(directory)], 5],
  nextFence: () => [lockFile(), 1, done],
  nextFenceSync: () => [lockFile(), 0],
  unlock: () => [held(), 1],
  unlockAtOnce: () => [held(), 0],
  unlockOnHelper: () => [held(), 0, done],
  sync: () => [newDescriptor(), 1, done],
  awaitReaderGone: () => [newDescriptor(), done],
  copyRights: () => [newDescriptor(), newDescriptor(), done],
  rotatedFiles: () => [newFile(), newDescriptor(), done],
  successionOf: () => [newDescriptor(), done],
  removeAlias: () => [newFile(), newDescriptor(), done],
  beginReplacement: () => [newFile(), 1, newDescriptor(), 0o600, 1, done],
  writeReplacement: () => [begun(), lines, done],
  syncReplacement: () => [begun(), 1, done],
  finishReplacement: () => [begun(), 0, 0, done],
  discardReplacement: () => [begun(), done],
  removeTemporaries: () => [],
  syncDirectory: () => [newFile(), 1, done],
  idOfPlainJson: () => ['{"b":1,"a":[true,"x"]}'],
  lineArray: () => [lines, '"x"', 100, ends],
  Writer: () => [newFile(), options(), done],
};

const options = () => ({
  lockTimeout: 5,
  durability: 0,
  idKey: 'eventId',
  window: 3,
  maxLineBytes: 1000,
  rotation: { maxBytes: 100, maxAge: 0, keep: 2 },
  chain: 0,
});

const counts = {};
function attempt(name, call) {
  counts[name] = (counts[name] ?? 0) + 1;
  try {
    const result = call();
    // What a call opened is not the test's to keep.
    if (name === 'giveAway' && result > 2) closeSync(result);
  } catch {
    // refused
  }
}

/** Each argument replaced by each odd value; all of them; none; too many. */
function* replacements(valid) {
  for (const value of odd) {
    for (let index = 0; index < valid().length; index++) yield replaced(valid(), index, value);
    yield valid().map(() => value);
    yield [...valid(), value];
  }
  for (let length = 0; length < valid().length; length++) yield valid().slice(0, length);
}

function replaced(list, index, value) {
  list[index] = value;
  return list;
}

/** The same with each property of an object of options, and of those in it. */
function* oddOptions() {
  for (const value of odd) {
    for (const name of Object.keys(options())) yield { ...options(), [name]: value };
    for (const name of Object.keys(options().rotation))
      yield { ...options(), rotation: { ...options().rotation, [name]: value } };
  }
}

const functions = Object.entries(native).filter(([, value]) => typeof value === 'function');
for (const [name] of functions)
  if (!(name in takes)) throw new Error(`there are no arguments for ${name} here`);
process.on('uncaughtException', () => {}); // odd functions are called back, and throw

for (const [name, call] of functions) {
  if (name === 'Writer') continue;
  for (const given of replacements(takes[name])) attempt(name, () => call(...given));
  for (const value of odd) attempt(name, () => call.call(value));
}

const { Writer } = native;
for (const given of replacements(takes.Writer)) attempt('Writer', () => new Writer(...given));
attempt('Writer', () => Writer(...takes.Writer()));
for (const given of oddOptions()) {
  attempt('Writer', () => {
    const writer = new Writer(newFile(), given, done);
    writer.open();
    writer.append(lines, lines.length, 2, undefined);
    writer.close();
  });
}
const condition = { first: 0, count: 1, end: 0 };
const fence = { lock: `${directory}/no lock`, token: 1 };
const methods = {
  open: () => [],
  append: () => [lines, lines.length, 2, { conditions: [condition], fence }],
  answer: () => [[true]],
  settleNext: () => [0],
  close: () => [],
};
for (const [name, valid] of Object.entries(methods)) {
  for (const given of replacements(valid)) {
    attempt(name, () => {
      const writer = new Writer(newFile(), options(), done);
      writer[name](...given);
      writer[name](...given);
      writer.close();
      writer[name](...valid());
    });
  }
  for (const value of odd) attempt(name, () => Writer.prototype[name].call(value, ...valid()));
}
for (const value of odd) {
  for (const name of Object.keys(condition)) {
    attempt('append', () => {
      const writer = new Writer(newFile(), options(), done);
      const conditions = [{ ...condition, [name]: value }, condition];
      writer.append(lines, lines.length, 2, { conditions });
      writer.append(lines, lines.length, 1, { conditions });
      writer.append(lines, lines.length, 1000, { conditions });
      writer.settleNext();
      writer.close();
    });
  }
  for (const demands of [
    { fence: value },
    { fence: { ...fence, lock: value } },
    { fence: { ...fence, token: value } },
  ]) {
    attempt('append', () => {
      const writer = new Writer(newFile(), options(), done);
      writer.append(lines, lines.length, 2, demands);
      writer.settleNext();
      writer.close();
    });
  }
}

// Lines in the memory that is written to while they are read.
for (let length = 4; length < 64; length += 4) {
  const memory = new ArrayBuffer(64);
  attempt('lineArray', () =>
    native.lineArray(Buffer.from(memory, 0, length).fill(10), 'x', 100, new Uint32Array(memory)),
  );
}

// What was started may end, and fail, before this does.
writeFileSync('counts', JSON.stringify(counts));
setTimeout(() => {
  console.log(JSON.stringify(counts));
  process.exit();
}, 1000);
