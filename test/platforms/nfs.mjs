/**
 * NFS, as Linux has it: a server and two clients in one user-mode Linux (the kernel as a program), each client with a
 * network and a name of its own. Nothing of it touches the server or the mounts of the machine that runs it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Missing, place } from './runtimes.mjs';

const timeLimit = 900_000;

/** What it takes, with Debian's package for each. */
const commands = {
  'linux.uml': 'user-mode-linux',
  'rpc.nfsd': 'nfs-kernel-server',
  'mount.nfs': 'nfs-common',
  rpcbind: 'rpcbind',
  modprobe: 'kmod',
  ip: 'iproute2',
  nsenter: 'util-linux',
  setfacl: 'acl',
};

export function userModeLinux() {
  if (process.getuid() !== 0) throw new Missing('the file system of the machine is shared as root');
  for (const [command, debianPackage] of Object.entries(commands)) {
    // Only looked for: some of them are daemons.
    const { status } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command]);
    if (status !== 0) throw new Missing(`needs apt-get install ${debianPackage}`);
  }
}

/** The checks of nfs/checks.mjs, for each version of the protocol. */
export async function onNfs(name, _, project) {
  const folder = join(place, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [output, init] = [join(folder, 'output'), join(folder, 'init')];
  const machine = fileURLToPath(new URL('nfs/machine.sh', import.meta.url));
  const checks = fileURLToPath(new URL('nfs/checks.mjs', import.meta.url));
  const words = [machine, process.execPath, checks, project].map((word) => `'${word}'`).join(' ');
  writeFileSync(init, `#!/bin/bash\nbash ${words} > '${output}' 2>&1\npoweroff -f\n`);
  chmodSync(init, 0o755);
  const parameters = ['mem=2G', 'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'rw', `init=${init}`];
  const { error, stdout } = spawnSync('linux.uml', [...parameters, 'con=null', 'con0=null,fd:1', 'quiet'], {
    timeout: timeLimit,
    killSignal: 'SIGKILL',
  });
  const text = readFileSync(output, { encoding: 'utf8', flag: 'a+' });
  const results = [...text.matchAll(/^(ok|FAILED) (.*)$/gm)];
  const failures = results.filter(([, outcome]) => outcome === 'FAILED').map(([, , title]) => title);
  if (error || !text.endsWith('the end\n')) failures.push(`${error ?? stdout}: ${text.slice(-2000)}`);
  return { passed: results.filter(([, outcome]) => outcome === 'ok').length, failures, skipped: new Map() };
}
