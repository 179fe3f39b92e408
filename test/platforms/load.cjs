// Prints the names that require() finds, those of every entry of the package loaded beside them.
require('holdfast/proper-lockfile');
require('holdfast/sage-chronicle');
const names = Object.keys(require('holdfast')).filter((name) => name !== '__esModule');
console.log(JSON.stringify(names.sort()));
