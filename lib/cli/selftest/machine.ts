/**
 * What a report about a failed check has to say of the machine.
 */
import { statfsSync } from 'node:fs';
import { arch, cpus, release, type, version } from 'node:os';

/** Rows of a label and a value. `directory`: where the checks work. */
export function describeMachine(directory: string): [label: string, value: string][] {
  const { bun, deno, node, napi } = process.versions;
  const compatible = bun ? `Bun ${bun}, as ` : deno ? `Deno ${deno}, as ` : '';
  const { cLibrary, addon } = loadedLibraries();
  const processors = cpus();
  return [
    ['runtime', `${compatible}Node ${node}, Node-API ${napi}`],
    ['system', `${type()} ${release()} ${arch()}${cLibrary ? `, ${cLibrary}` : ''}, ${version()}`],
    ['processors', `${processors.length}, ${processors[0]?.model.trim() || 'unknown'}`],
    ['addon', addon ?? 'unknown'],
    ['directory', `${directory}, on a file system of type ${fileSystemType(directory)}`],
  ];
}

/** The C library, and the path of our binary, where the runtime knows what it has loaded. */
function loadedLibraries(): { cLibrary?: string; addon?: string } {
  interface Report {
    header: { glibcVersionRuntime?: string };
    sharedObjects: string[];
  }
  try {
    const { header, sharedObjects } = process.report.getReport() as unknown as Report;
    const addon = sharedObjects.find((path) => path.endsWith('holdfast.node'));
    const isMusl = sharedObjects.some((path) => /\bld-musl-/.test(path));
    const cLibrary = header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : isMusl && 'musl';
    return { ...(cLibrary && { cLibrary }), ...(addon && { addon }) };
  } catch {
    return {}; // Deno and Bun have no such report
  }
}

/** The magic number (statfs(2)) in hexadecimal; on Windows there is none. */
function fileSystemType(path: string): string {
  try {
    return `0x${statfsSync(path).type.toString(16)}`;
  } catch {
    return 'unknown';
  }
}
