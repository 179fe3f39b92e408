/** What binding.gyp says for another operating system than this one, which gyp itself does not tell. */

/** The sources of a target for an operating system, in gyp's words: `linux`, `mac`, `win`. */
export function sourcesFor(target, os) {
  const chosen = target.conditions.map(([condition, then, otherwise]) =>
    holds(condition, os) ? then : otherwise,
  );
  return [...target.sources, ...chosen.flatMap((part) => part?.sources ?? [])];
}

/** Whether a condition holds there: comparisons of `OS`, joined by `and` and `or`. */
function holds(condition, os) {
  const compare = (text) => {
    const [, operator, name] = /^\s*OS\s*([!=]=)\s*['"](\w+)['"]\s*$/.exec(text) ?? [];
    if (!operator) throw new Error(`a condition of binding.gyp that is not understood here: ${condition}`);
    return (os === name) === (operator === '==');
  };
  return condition.split(/\bor\b/).some((part) => part.split(/\band\b/).every(compare));
}
