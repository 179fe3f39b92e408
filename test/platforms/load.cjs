// Prints nothing if require() finds what import finds, in every entry of the package.
const assert = require('node:assert/strict');

// `length` and `name`: to Bun, those of a module that is a function are among its names.
const addedByRuntimes = /^(default|__esModule|module\.exports|length|name)$/;

async function compare(entry) {
  const [required, imported] = [require(entry), await import(entry)].map((names) =>
    Object.keys(names)
      .filter((name) => !addedByRuntimes.test(name))
      .sort(),
  );
  assert.deepEqual(imported, required);
}

['holdfast', 'holdfast/proper-lockfile', 'holdfast/sage-chronicle'].forEach(compare);
