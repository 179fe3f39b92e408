/**
 * Compiles the C programs of c/ with the system's compiler.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * @param {string} name of a program in c/
 * @param {string} directory where to put it
 * @returns {string} the path of the program
 */
export function compile(name, directory) {
  const program = join(directory, name);
  const source = join(import.meta.dirname, '..', 'c', `${name}.c`);
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source], { stdio: 'inherit' });
  return program;
}
