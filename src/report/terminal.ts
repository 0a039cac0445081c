/** A table without frames: a rule below the head, two blanks between columns. */
export const BARE_TABLE = Object.freeze({
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '──', right: '', 'right-mid': '', middle: '  ' },
});

/** Bold by ANSI escapes where `color` is on. */
export function bold(text: string, color: boolean): string {
  return color && text !== '' ? `\u001B[1m${text}\u001B[22m` : text;
}

/** Lines without the blanks at their ends. */
export function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Terminal columns of a table without colours: its rule is as long as the widest row as a terminal shows it. */
export function tableWidth(text: string): number {
  return text.split('\n').find((line) => /^─+$/u.test(line))?.length ?? 0;
}

/** Text in lines of at most `width` characters, longer words whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
