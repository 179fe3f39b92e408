// Prints the names that require() finds, those of every entry of the package loaded beside them.
require('holdfast/proper-lockfile');
require('holdfast/sage-chronicle');
console.log(JSON.stringify(Object.keys(require('holdfast')).sort()));
