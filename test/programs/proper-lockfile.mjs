// Takes and releases locks on command, with the package named by the first argument: the real
// proper-lockfile, or ours.
const { default: lockfile } = await import(process.argv[2]);
const releases = new Map();

process.on('message', async ({ command, file, options }) => {
  try {
    if (command === 'lock') {
      releases.set(file, await lockfile.lock(file, options));
      process.send({ locked: true });
    } else if (command === 'release') {
      await releases.get(file)();
      process.send({ locked: false });
    } else {
      process.send({ locked: await lockfile.check(file, options) });
    }
  } catch ({ code, message }) {
    process.send({ error: code, message });
  }
});
process.send({ ready: true });
