// Takes and releases locks on command. Every command is answered with { held }, { waiting } or { error }.
import { lock, tryLock } from 'holdfast';

const locks = new Map();

process.on('message', async ({ command, file, options }) => {
  try {
    switch (command) {
      case 'lock':
        locks.set(file, await lock(file, options));
        return process.send({ held: true });
      case 'tryLock': {
        const taken = await tryLock(file, options);
        if (taken) locks.set(file, taken);
        return process.send({ held: taken !== null });
      }
      case 'release':
        await locks.get(file).release();
        return process.send({ held: false });
      case 'exit':
        process.exit(0);
    }
  } catch (error) {
    process.send({ error: { code: error.code, message: error.message } });
  }
});
process.send({ ready: true });
