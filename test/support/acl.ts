/** POSIX access control lists of Linux, as acl(5) tells. node:fs has no call for them, and not every machine setfacl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const tags = { 'u:': 0x01, u: 0x02, 'g:': 0x04, g: 0x08, m: 0x10, o: 0x20 };
const noId = 0xffffffff;

/** As `u::rw`, `u:65534:r`, `g::r`, `m::rw` and `o::-`; users and groups are numbers. */
export type Acl = readonly string[];

/** Why there are none here, or undefined where there are. */
export const withoutAcls = probe();

function probe(): string | undefined {
  if (process.platform !== 'linux') return 'POSIX ACLs are of Linux';
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-'));
  try {
    setAcl(directory, ['u::rwx', 'u:65534:r', 'g::-', 'm::r', 'o::-']);
    return undefined;
  } catch {
    return 'this file system has no ACLs';
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** `default`: what a directory gives to the files that are made in it. */
export function setAcl(path: string, acl: Acl, kind: 'access' | 'default' = 'access'): void {
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
  python('import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))', [
    path,
    `system.posix_acl_${kind}`,
    bytes.toString('hex'),
  ]);
}

/** The ACL of a file; empty if it has none. */
export function aclOf(path: string): Acl {
  const script = `
import os, sys
try: print(os.getxattr(sys.argv[1], 'system.posix_acl_access').hex())
except OSError: print('')`;
  const bytes = Buffer.from(python(script, [path]).trim(), 'hex');
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

// python3 is wherever the addon of the tests is built: node-gyp needs it.
function python(script: string, args: string[]): string {
  return execFileSync('python3', ['-c', script, ...args], { encoding: 'utf8', stdio: 'pipe' });
}
