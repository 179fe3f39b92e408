/**
 * `holdfast completion SHELL`: prints the script by which a shell completes the command's words. It is made of what
 * `--help` is made of.
 */
import { Argument, Command, type Option } from 'commander';
import { exitCodeHelp } from './exit-codes.js';
import { print } from './output.js';

const scripts = { bash, zsh, fish };

/** @param program makes the one with all commands */
export function completionCommand(program: () => Command): Command {
  return new Command('completion')
    .summary('print a completion script for a shell')
    .description('Prints the script by which SHELL completes the commands and options of holdfast.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .addHelpText(
      'after',
      `
bash: source <(holdfast completion bash)    in ~/.bashrc
zsh:  source <(holdfast completion zsh)     in ~/.zshrc, after compinit
fish: holdfast completion fish > ~/.config/fish/completions/holdfast.fish

${exitCodeHelp}

Example: holdfast completion bash > /etc/bash_completion.d/holdfast`,
    )
    .action((shell: keyof typeof scripts) => print(scripts[shell](program())));
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

/** The words that the first argument is one of, if it is no file. */
function choicesOf(command: Command): readonly string[] {
  return command.registeredArguments[0]?.argChoices ?? [];
}

function bash(program: Command): string {
  const names = program.commands.map((command) => command.name());
  const cases = program.commands.map((command) => {
    const options = optionsOf(command);
    const withArgument = options.filter(({ required }) => required);
    const ofOptions = withArgument.map(
      (option) =>
        `        ${flagsOf(option).join('|')}) words=${quoted((option.argChoices ?? []).join(' '))} ;;`,
    );
    return `    ${command.name()})
      case $previous in
${ofOptions.map((line) => `${line}\n`).join('')}        *) if [[ $current == -* ]]; then words=${quoted(options.flatMap(flagsOf).join(' '))}
           else words=${quoted(choicesOf(command).join(' '))} files=1; fi ;;
      esac ;;`;
  });
  return `# bash completion for holdfast, as holdfast completion bash prints it.
_holdfast() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} words= files= word
  # --option=value comes as three words.
  if [[ $current == = ]]; then current=
  elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == -- ]]; then COMPREPLY=($(compgen -c -f -- "$current")); return; fi
  done
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W ${quoted([...names, 'help', ...optionsOf(program).flatMap(flagsOf)].join(' '))} -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
    help) words=${quoted(names.join(' '))} ;;
${cases.join('\n')}
    *) files=1 ;;
  esac
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current"))
  elif [[ -n $files ]]; then compopt -o default 2>/dev/null; fi
}
complete -F _holdfast holdfast
`;
}

function zsh(program: Command): string {
  const described = program.commands.map((command) => quoted(`${command.name()}:${command.summary()}`));
  const cases = program.commands.map((command) => {
    const specs = optionsOf(command).flatMap((option) => {
      const flags = flagsOf(option);
      const value = option.required ? `:${nameOf(option)}:${valuesOf(option.argChoices)}` : '';
      const excluded = flags.length > 1 ? `(${flags.join(' ')})` : '';
      return flags.map((flag) =>
        quoted(`${excluded}${flag}[${option.description.replace(/[[\]]/g, '\\$&')}]${value}`),
      );
    });
    const choices = choicesOf(command);
    const first = quoted(
      `1:${command.registeredArguments[0]?.name()}:${choices.length > 0 ? valuesOf(choices) : '_files'}`,
    );
    const rest = command.registeredArguments
      .slice(1)
      .map((argument) =>
        argument.variadic ? "'*:::command:_normal'" : quoted(`2:${argument.name()}:_files`),
      );
    return `    ${command.name()}) _arguments -s ${[...specs, first, ...rest].join(' ')} ;;`;
  });
  return `#compdef holdfast
# zsh completion for holdfast, as holdfast completion zsh prints it.
_holdfast() {
  local -a commands=(${described.join(' ')} 'help:show the help of a command')
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
${cases.join('\n')}
    help) _describe command commands ;;
  esac
}
if [[ $funcstack[1] == _holdfast ]]; then _holdfast "$@"; else compdef _holdfast holdfast; fi
`;
}

function nameOf({ flags }: Option): string {
  return /<(.+?)>/.exec(flags)?.[1] ?? 'value';
}

function valuesOf(choices: readonly string[] | undefined): string {
  return choices ? `(${choices.join(' ')})` : ' ';
}

function fish(program: Command): string {
  const lines = program.commands.flatMap((command) => {
    const name = command.name();
    const when = `-n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
    const choices = choicesOf(command);
    return [
      `complete -c holdfast -f -n __fish_use_subcommand -a ${name} -d ${quoted(command.summary())}`,
      ...(choices.length > 0 ? [`complete -c holdfast -f ${when} -a ${quoted(choices.join(' '))}`] : []),
      ...optionsOf(command).map((option) => {
        const flags = flagsOf(option).map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        );
        const value = option.required
          ? ` -x${option.argChoices ? ` -a ${quoted(option.argChoices.join(' '))}` : ''}`
          : '';
        return `complete -c holdfast ${when} ${flags.join(' ')}${value} -d ${quoted(option.description)}`;
      }),
    ];
  });
  return `# fish completion for holdfast, as holdfast completion fish prints it.\n${lines.join('\n')}\n`;
}

/** For any of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
