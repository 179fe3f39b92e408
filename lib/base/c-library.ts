/**
 * Which C library this process runs on, for messages and reports.
 */

interface Report {
  readonly header: { readonly glibcVersionRuntime?: string };
  readonly sharedObjects: readonly string[];
}

/** The files of code that are loaded; empty where the runtime has no such report: Deno and Bun. */
export function loadedFiles(): readonly string[] {
  return report()?.sharedObjects ?? [];
}

/** `glibc` with its version, or `musl`; undefined on other systems, and where the runtime does not tell. */
export function cLibrary(): string | undefined {
  const { header, sharedObjects } = report() ?? {};
  if (header?.glibcVersionRuntime) return `glibc ${header.glibcVersionRuntime}`;
  return sharedObjects?.some((path) => /\bld-musl-/.test(path)) ? 'musl' : undefined;
}

function report(): Report | undefined {
  try {
    return process.report.getReport() as unknown as Report;
  } catch {
    return undefined;
  }
}
