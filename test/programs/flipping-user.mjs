// A user without rights who works against others: gives a name to one file and then to another, for ever.
// Arguments: the user, the name that he flips, and what it leads to in turn, as paths that he can link to.
import { linkSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';

const [user, name, target] = process.argv.slice(2);
process.setgid(Number(user));
process.setuid(Number(user));
process.send('started');
for (;;) {
  for (const make of [
    (path) => writeFileSync(path, 'not json\n', { mode: 0o755 }),
    (path) => symlinkSync(target, path),
    (path) => {
      try {
        linkSync(target, path);
      } catch {
        writeFileSync(path, 'not json\n'); // the kernel protects what is not his (fs.protected_hardlinks)
      }
    },
  ]) {
    const made = `${name}.flip`;
    try {
      unlinkSync(made);
    } catch {}
    try {
      make(made);
      renameSync(made, name);
    } catch {}
  }
}
