// Prints the SHA-256 of the native sources and their build description. It is compiled into the addon, so
// that a test can tell a prebuilt binary that is older than the sources.
//
// What changes no instruction changes no hash: a comment, an indentation, where a line breaks, \r\n for \n.
const { createHash } = require('node:crypto');
const { readdirSync, readFileSync } = require('node:fs');
const { join, sep } = require('node:path');

const root = join(__dirname, '..');

/** A comment, or a line's end that is none: a line that ends with a backslash goes on in the next one. */
const comment = String.raw`//(?:\\\n|[^\n])*|/\*[^]*?\*/|\\\n`;
const comments = new RegExp(comment, 'g');
/**
 * C++ in tokens, longest first (C++17, [lex.pptoken]): a token that looks like a comment may stand in a
 * literal.
 */
const cpp = new RegExp(
  [
    String.raw`(?<blank>(?:\s|${comment})+)`,
    String.raw`(?:u8|[uUL])?R"(?<delimiter>[^()\\\s]*)\([^]*?\)\k<delimiter>"`, // a raw string
    String.raw`(?:u8|[uUL])?"(?:\\[^]|[^"\\\n])*"`, // a string
    String.raw`\.?\d(?:[eEpP][-+]|'?[\w.])*`, // a number, whose digits ' may separate; before characters
    String.raw`(?:u8|[uUL])?'(?:\\[^]|[^'\\\n])*'`, // a character
    String.raw`\w+`,
    String.raw`<<=|>>=|<=>|->\*|\.\.\.|::|\.\*|->|\+\+|--|<<|>>|&&|\|\||##|[-+*/%&|^!=<>]=`,
    '[^]',
  ].join('|'),
  'gy',
);

/** C++ source as it counts for the hash: its tokens. In a directive white space counts, but not how much. */
function codeOf(source) {
  const tokens = [];
  let startsLine = true; // nothing but blanks in this line yet
  let inDirective = false;
  for (const { 0: token, groups } of source.replaceAll('\r\n', '\n').matchAll(cpp)) {
    if (groups.blank) {
      const endsLine = groups.blank.replaceAll(comments, '').includes('\n');
      if (endsLine && inDirective) tokens.push('\n');
      else if (inDirective) tokens.push(' ');
      inDirective &&= !endsLine;
      startsLine ||= endsLine;
      continue;
    }
    inDirective ||= startsLine && token === '#';
    startsLine = false;
    tokens.push(token);
  }
  return tokens.join('\0');
}

/** The hash of the files at `directory`, a tree like this one. */
function nativeHash(directory = root) {
  const files = readdirSync(join(directory, 'native'), { recursive: true })
    .filter((name) => /\.(cc|h|map)$/.test(name))
    .map((name) => join('native', name).split(sep).join('/'));
  const read = (file) => readFileSync(join(directory, file), 'utf8');
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(`${file}\0${codeOf(read(file))}\0`);
  // JSON, which gyp reads as well.
  hash.update(`binding.gyp\0${JSON.stringify(JSON.parse(read('binding.gyp')))}\0`);
  return hash.digest('hex');
}

module.exports = { codeOf, nativeHash };
if (require.main === module) process.stdout.write(nativeHash());
