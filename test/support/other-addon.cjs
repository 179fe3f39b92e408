/**
 * Preloaded into a process of a test, it loads another binary in place of the package's: the file that the
 * variable HOLDFAST_TEST_ADDON names. The package itself knows no such way.
 */
const dlopen = process.dlopen;
process.dlopen = (module, file, ...flags) => {
  const other = process.env.HOLDFAST_TEST_ADDON;
  return dlopen.call(process, module, other && /[\\/]holdfast\.node$/.test(file) ? other : file, ...flags);
};
