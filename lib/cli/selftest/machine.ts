/**
 * What a report about a failed check has to say of the machine.
 */
import { statfsSync } from 'node:fs';
import { arch, cpus, release, type, version } from 'node:os';
import { cLibrary, loadedFiles } from '../../base/c-library.js';

/** Rows of a label and a value. `directory`: where the checks work. */
export function describeMachine(directory: string): [label: string, value: string][] {
  const { bun, deno, node, napi } = process.versions;
  const compatible = bun ? `Bun ${bun}, as ` : deno ? `Deno ${deno}, as ` : '';
  const library = cLibrary();
  const addon = loadedFiles().find((path) => path.endsWith('holdfast.node'));
  const processors = cpus();
  return [
    ['runtime', `${compatible}Node ${node}, Node-API ${napi}`],
    ['system', `${type()} ${release()} ${arch()}${library ? `, ${library}` : ''}, ${version()}`],
    ['processors', `${processors.length}, ${processors[0]?.model.trim() || 'unknown'}`],
    ['addon', addon ?? 'unknown'],
    ['directory', `${directory}, on a file system of type ${fileSystemType(directory)}`],
  ];
}

/** The magic number (statfs(2)) in hexadecimal; on Windows there is none. */
function fileSystemType(path: string): string {
  try {
    return `0x${statfsSync(path).type.toString(16)}`;
  } catch {
    return 'unknown';
  }
}
