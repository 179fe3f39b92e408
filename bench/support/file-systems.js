/**
 * File systems to measure on: ext4 with a journal, which nearly everybody has, and without one; each in an image of its
 * own, mounted by root of Linux and removed when the process ends. Whoever is not root measures on what there is.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileSystemOf } from './report.js';

const kinds = [
  { name: 'ext4, journal', file: 'journal', options: [] },
  { name: 'ext4, no journal', file: 'no-journal', options: ['-O', '^has_journal'] },
];

/**
 * @param {string} directory for the images
 * @param {Record<string, number>} megabytes of each, by its name
 * @returns {{ name: string, file: string, directory: string }[]} with a directory on each
 */
export function fileSystems(directory, megabytes) {
  if (process.platform !== 'linux' || process.getuid() !== 0) {
    return [{ name: fileSystemOf(directory), file: 'as-is', directory }];
  }
  return kinds.map(({ name, file, options }) => {
    const image = join(directory, `${file}.img`);
    // Written, so that the file system below gives no space away while it is measured.
    const descriptor = openSync(image, 'w');
    const block = Buffer.alloc(2 ** 20);
    for (let written = 0; written < megabytes[name]; written++) writeSync(descriptor, block);
    closeSync(descriptor);
    execFileSync('mkfs.ext4', [
      '-q',
      '-F',
      '-E',
      'lazy_itable_init=0,lazy_journal_init=0',
      ...options,
      image,
    ]);
    const mounted = join(directory, file);
    mkdirSync(mounted);
    execFileSync('mount', ['-o', 'loop', image, mounted]);
    // Before the directory is removed that it is in.
    process.prependListener('exit', () => {
      execFileSync('umount', ['--lazy', mounted]);
      rmSync(image);
    });
    return { name, file, directory: mounted };
  });
}
