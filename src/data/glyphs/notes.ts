/** `1 font`, `2 fonts`. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** The first ten names and how many more there are. */
export function someOf(names: readonly string[], separator = ', '): string {
  const shown = names.slice(0, 10).join(separator);
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
