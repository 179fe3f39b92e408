/**
 * Writes the manual page, dist/holdfast.1, from what `--help` is made of. In the language of man(7).
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { holdfastProgram } = require('../dist/lib/cli/program.js');
const { version } = require('../package.json');

/** As roff shows it: no escape, no request, and hyphens that can be searched for and copied. */
function escaped(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(['.])/gm, '\\&$1');
}

function optionLines(command) {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => {
      const { description, argChoices, defaultValue, defaultValueDescription } = option;
      const facts = [
        ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
        ...(defaultValue !== undefined && typeof defaultValue !== 'boolean'
          ? [`default: ${defaultValueDescription ?? defaultValue}`]
          : []),
      ];
      const more = facts.length > 0 ? ` (${facts.join('; ')})` : '';
      return `.TP\n\\fB${escaped(option.flags)}\\fR\n${escaped(description + more)}\n`;
    })
    .join('');
}

/** What `--help` says after the options, in its own lines. */
function textAfter(command) {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHasColors: () => false });
  command.outputHelp();
  const own = text.slice(command.helpInformation().length).trim();
  return own === '' ? '' : `.PP\n.nf\n${escaped(own)}\n.fi\n`;
}

const program = holdfastProgram();
const sections = program.commands.map((command) => {
  const usage = `holdfast ${command.name()} ${command.usage()}`;
  const paragraphs = command.description().split('\n\n').map(escaped).join('\n.PP\n');
  return `.SS ${escaped(usage)}\n${paragraphs}\n${optionLines(command)}${textAfter(command)}`;
});

const page = `.\\" Made by scripts/man-page.mjs.
.TH HOLDFAST 1 "" "holdfast ${version}" "User Commands"
.SH NAME
holdfast \\- ${escaped('durable NDJSON logs that many processes append to, and kernel-held file locks')}
.SH SYNOPSIS
.B holdfast
.I command
.RI [ options ]
.SH DESCRIPTION
${escaped(program.description())}
${optionLines(program)}.SH COMMANDS
${sections.join('')}`;

writeFileSync(new URL('../dist/holdfast.1', import.meta.url), page);
