// Which tests of the suite are left out under wine 8, and why.
export const withoutOnWine = new Map([
  [
    /symbolic link|the names of one file|a loop of links|an example runs as it stands/,
    'wine makes no links that Node can make',
  ],
  [
    /renamed over|the file is removed|is removed with its directory|has put in its place|when it was locked a moment ago, and replaced|while the new file is locked|without create, a file that was removed|path names another file by then|under several processes every acknowledged|repair puts the corrupt lines|repair adds what a later|repair goes on with an open|repair does not write through|repair while other|repair that is killed|repair, whatever|holdfast repair (moves|prints)|after a repair|repair is noticed|an event again whose file was removed|deduplicateConsecutiveEvents\(\) (leaves the first|waits for the lock|and an open)|another has duplicates removed/,
    'wine neither replaces nor removes a file at once that is open',
  ],
  [
    /several writers that rotate, once and in their order/,
    'wine forgets the volume of an open file when it is renamed, and so which file it is',
  ],
  [
    /SIGKILL, SIGSTOP|an example shows what is really seen|ends quietly (with -f )?where nobody reads|was acknowledged on SIG|nobody reads its acknowledgements|has the permissions of|passes the mode on/,
    'Windows has no such signals, shells or permissions',
  ],
]);
