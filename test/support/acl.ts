/** POSIX access control lists of Linux, as acl(5) tells. node:fs has no call for them, and not every machine setfacl. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const tags = { 'u:': 0x01, u: 0x02, 'g:': 0x04, g: 0x08, m: 0x10, o: 0x20 };
const noId = 0xffffffff;

/** As `u::rw`, `u:65534:r`, `g::r`, `m::rw` and `o::-`; users and groups are numbers. */
export type Acl = readonly string[];

/** `default`: what a directory gives to the files that are made in it. */
export async function setAcl(path: string, acl: Acl, kind: 'access' | 'default' = 'access'): Promise<void> {
  const bytes = Buffer.alloc(4 + 8 * acl.length);
  bytes.writeUInt32LE(2, 0);
  acl.forEach((entry, index) => {
    const [tag = '', id = '', permissions = ''] = entry.split(':');
    const at = 4 + 8 * index;
    const owning = tag === 'u' || tag === 'g' ? `${tag}${id === '' ? ':' : ''}` : tag;
    bytes.writeUInt16LE(tags[owning as keyof typeof tags], at);
    bytes.writeUInt16LE(permissionsFrom(permissions), at + 2);
    bytes.writeUInt32LE(id === '' ? noId : Number(id), at + 4);
  });
  await attribute(path, `system.posix_acl_${kind}`, bytes);
}

/** The ACL of a file; empty if it has none. */
export async function aclOf(path: string): Promise<Acl> {
  const bytes = await attribute(path, 'system.posix_acl_access');
  const acl: string[] = [];
  for (let at = 4; at < bytes.length; at += 8) {
    const tag = Object.entries(tags).find(([, number]) => number === bytes.readUInt16LE(at))?.[0] ?? '?';
    const id = bytes.readUInt32LE(at + 4);
    const permissions = bytes.readUInt16LE(at + 2);
    const letters = ['r', 'w', 'x'].filter((_, bit) => permissions & (4 >> bit)).join('') || '-';
    acl.push(`${tag.replace(':', '')}:${id === noId ? '' : id}:${letters}`);
  }
  return acl;
}

function permissionsFrom(letters: string): number {
  return ['r', 'w', 'x'].reduce((bits, letter, bit) => bits | (letters.includes(letter) ? 4 >> bit : 0), 0);
}

/** One line for each call, in its order: the value that was found or set, or what failed. */
const server = `
import json, os, sys
for line in sys.stdin:
    path, name, value = json.loads(line)
    try:
        if value: os.setxattr(path, name, bytes.fromhex(value))
        try: found = os.getxattr(path, name).hex()
        except OSError: found = ''
        print(json.dumps({'found': found}), flush=True)
    except OSError as error:
        print(json.dumps({'failed': str(error)}), flush=True)
`;

// Of this process, on purpose: Python takes longer to start than all that is asked of it. It ends with this process.
// python3 is wherever the addon of the tests is built: node-gyp needs it.
let python: { ask(line: string): Promise<string> } | undefined;

function startPython(): { ask(line: string): Promise<string> } {
  const child = spawn('python3', ['-c', server], { stdio: ['pipe', 'pipe', 'inherit'] });
  // It keeps nobody waiting, and sees the end of its input when this process ends.
  child.unref();
  for (const pipe of [child.stdin, child.stdout] as unknown as Socket[]) pipe.unref();
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      const { value } = await answers.next();
      return value as string;
    },
  };
}

/** An extended attribute, after it was set to `value`, if there is one; empty if there is none. */
async function attribute(path: string, name: string, value?: Buffer): Promise<Buffer> {
  python ??= startPython();
  const answer = await python.ask(JSON.stringify([path, name, value?.toString('hex') ?? '']));
  const { found, failed } = JSON.parse(answer) as { found?: string; failed?: string };
  if (found === undefined) throw new Error(failed);
  return Buffer.from(found, 'hex');
}

/** Why there are none here, or undefined where there are. */
export const withoutAcls = await probe();

async function probe(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'POSIX ACLs are of Linux';
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-'));
  try {
    await setAcl(directory, ['u::rwx', 'u:65534:r', 'g::-', 'm::r', 'o::-']);
    return undefined;
  } catch (error) {
    if (!String(error).includes('Operation not supported')) throw error;
    return 'this file system has no ACLs';
  } finally {
    rmSync(directory, { recursive: true });
  }
}
