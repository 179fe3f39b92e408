// Takes and releases locks on command, with the package named by the first argument: the real
// proper-lockfile, or ours.
const { default: lockfile } = await import(process.argv[2]);
const releases = new Map();

// Told as it comes; `silent` leaves the default, which throws.
const onCompromised = ({ code, message }) => process.send({ compromised: code, message });

process.on('message', async ({ command, file, options, user, silent }) => {
  try {
    if (command === 'lock') {
      releases.set(file, await lockfile.lock(file, silent ? options : { onCompromised, ...options }));
      process.send({ locked: true });
    } else if (command === 'unlock') {
      await lockfile.unlock(file, options);
      process.send({ locked: false });
    } else if (command === 'setuid') {
      process.setuid(user);
      process.send({ user });
    } else if (command === 'leave') {
      process.disconnect();
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
