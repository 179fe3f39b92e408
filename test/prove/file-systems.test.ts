/**
 * Real file systems in loop mounts: filled to the last byte, made read-only under the writer, and cut off
 * from their disk in the middle of it (as by a power loss, without the writes that the system still had in
 * memory) and mounted again.
 */
import { execFileSync } from 'node:child_process';
import {
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { openChronicle } from 'holdfast';
import { describe, expect, onTestFinished } from 'vitest';
import { ChronicleProcess, type RemoteError } from '../support/chronicle-process.js';
import { temporaryDirectory } from '../support/files.js';
import { linesOf } from '../support/lines.js';
import { unmountable } from '../support/mounts.js';
import { missing } from '../support/native-program.js';
import { inFull, prove, Random } from './prove.js';

/** The smallest image in MiB that each can be made on. */
const kinds = {
  ext4: { size: 16, make: ['mkfs.ext4', '-q', '-F'] },
  xfs: { size: 300, make: ['mkfs.xfs', '-q', '-f'] },
  btrfs: { size: 120, make: ['mkfs.btrfs', '-q', '-f'] },
  tmpfs: { size: 4, make: [] },
} as const;
type Kind = keyof typeof kinds;

/**
 * Ends the disk of a loop device behind its first page, whole writes before and whole writes after:
 * LOOP_GET_STATUS64 and LOOP_SET_STATUS64 with another `lo_sizelimit`. The image itself stays as it is.
 */
const cutOff = `
import fcntl, os, struct, sys
device = os.open(sys.argv[1], os.O_RDWR)
info = bytearray(232)
fcntl.ioctl(device, 0x4C05, info)
info[32:40] = struct.pack('Q', 4096)
fcntl.ioctl(device, 0x4C04, info)
`;

/** A file system of its own, on an image of its own. */
class Mount {
  readonly directory = temporaryDirectory();
  readonly #image = join(temporaryDirectory(), 'image');
  #device = '';

  constructor(readonly kind: Kind) {
    const { size, make } = kinds[kind];
    if (kind !== 'tmpfs') {
      writeFileSync(this.#image, '');
      truncateSync(this.#image, size * 1024 * 1024);
      const [command, ...options] = make as readonly string[];
      execFileSync(command as string, [...options, this.#image]);
    }
    this.mount();
    onTestFinished(() => this.unmount());
  }

  mount(): void {
    const { kind, directory } = this;
    if (kind === 'tmpfs') {
      execFileSync('mount', ['-t', kind, '-o', `size=${kinds.tmpfs.size}m`, 'proof', directory]);
      return;
    }
    this.#device = execFileSync('losetup', ['--find', '--show', this.#image]).toString().trim();
    execFileSync('mount', ['-t', kind, this.#device, directory]);
  }

  unmount(): void {
    execFileSync('umount', [this.directory]);
    if (this.#device) execFileSync('losetup', ['--detach', this.#device]);
  }

  /** Nothing more reaches the disk, and what is in memory only is lost. */
  cutOff(): void {
    execFileSync('python3', ['-c', cutOff, this.#device]);
  }

  /** Leaves no byte free; what was put there can be removed again. */
  fill(): string {
    const ballast = join(this.directory, 'ballast');
    for (const size of [1 << 20, 1 << 12, 1 << 9]) {
      for (;;) {
        try {
          writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' });
        } catch {
          break;
        }
      }
    }
    return ballast;
  }
}

/**
 * Stops a process as a power loss does, without an end: no thread of it comes back from the kernel. One that
 * went on would see what no power loss shows: where a disk fails while several processes sync one file, an
 * fdatasync of ext4 answers in one of thirty times that all is well although the failed one of another
 * process dropped its pages, holdfast or not.
 */
async function standStill(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const stands = (thread: string) => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return ['T', 'D'].includes(stat.split(') ')[1]?.[0] ?? '');
    } catch {
      return true; // it has just ended
    }
  };
  while (!readdirSync(`/proc/${pid}/task`).every(stands)) await setImmediate();
}

/** Every event that was acknowledged stands where it was said to stand. */
function expectAll(
  file: string,
  acknowledged: readonly { offset: number; eventId: string | undefined }[],
): void {
  const byOffset = new Map(linesOf(file).map(({ offset, text }) => [offset, text]));
  const lost = acknowledged.filter(({ offset, eventId }) => !byOffset.get(offset)?.includes(`"${eventId}"`));
  expect(lost).toEqual([]);
}

const here = (kind: Kind) =>
  inFull || kind === 'ext4' ? missing(kinds[kind].make.slice(0, 1)) === undefined : false;
const all = (Object.keys(kinds) as Kind[]).filter(here);

describe.skipIf(unmountable)('real file systems', () => {
  for (const kind of all) {
    prove(
      'real file systems',
      `${kind} filled to the last byte`,
      { quick: 1, full: 10, unit: 'times full' },
      async (tally) => {
        const mount = new Mount(kind);
        const file = join(mount.directory, 'chronicle');
        const process = await ChronicleProcess.open(file);
        for (; tally.hasBudget; tally.count++) {
          const ballast = mount.fill();
          const failure = await process
            .flood(`${tally.count}`, 8, Number.MAX_SAFE_INTEGER, [20, 3000])
            .catch((error) => error);
          expect(failure).toMatchObject({ code: 'EIO', outcomeUnknown: expect.any(Boolean) });
          expect(['ENOSPC', 'EDQUOT']).toContain((failure as RemoteError).cause?.code);
          expectAll(file, process.acknowledged);
          rmSync(ballast);
          if ((failure as RemoteError).outcomeUnknown) await process.ask('open', file, {});
          await process.append({ eventId: `after ${tally.count}` });
          expect(statfsSync(mount.directory).bfree).toBeGreaterThan(0);
        }
        await process.kill();
      },
    );
  }

  for (const kind of all.filter((kind) => kind !== 'tmpfs')) {
    prove(
      'real file systems',
      `${kind} cut off from its disk under 3 writers, mounted again`,
      { quick: 1, full: 30, unit: 'crashes' },
      async (tally) => {
        const mount = new Mount(kind);
        const random = new Random();
        let acknowledged = 0;
        for (; tally.hasBudget; tally.count++) {
          const file = join(mount.directory, `made ${tally.count}`, 'chronicle');
          const processes = await Promise.all([0, 1, 2].map(() => ChronicleProcess.open(file)));
          const floods = processes.map((process, index) =>
            process.flood(`${index}`, 4, Number.MAX_SAFE_INTEGER, [20, 3000]).catch(() => {}),
          );
          await Promise.all(processes.map((process) => process.acknowledgements(1 + random.below(100))));
          await Promise.all(processes.map(({ pid }) => standStill(pid)));
          mount.cutOff();
          await Promise.all(processes.map((process) => process.kill()));
          await Promise.all(floods);
          mount.unmount();
          mount.mount();
          for (const process of processes) expectAll(file, process.acknowledged);
          const before = readFileSync(file);
          const again = await openChronicle(file, { onCorrupt: 'skip' });
          const { offset } = await again.append({ eventId: 'after' });
          await again.close();
          expect(readFileSync(file).subarray(0, before.length).equals(before)).toBe(true);
          expect(offset).toBeGreaterThanOrEqual(before.length);
          expect(statSync(file).size).toBeGreaterThan(before.length);
          acknowledged += processes.reduce((sum, process) => sum + process.acknowledged.length, 0);
          rmSync(join(mount.directory, `made ${tally.count}`), { recursive: true });
        }
        tally.found = `nothing (${acknowledged} events)`;
      },
    );
  }

  prove(
    'real file systems',
    'ext4 made read-only under the writer',
    { quick: 1, full: 10, unit: 'times' },
    async (tally) => {
      for (; tally.hasBudget; tally.count++) {
        const mount = new Mount('ext4');
        const file = join(mount.directory, 'chronicle');
        const process = await ChronicleProcess.open(file);
        await process.append({ eventId: 'before' });
        // What ext4 does after an error of the disk (`errors=remount-ro`).
        execFileSync('mount', ['-o', 'remount,abort', mount.directory], { stdio: 'ignore' });
        await expect(process.append({ eventId: 'refused' })).rejects.toMatchObject({ code: 'EIO' });
        expectAll(file, process.acknowledged);
        await process.kill();
      }
    },
  );
});
