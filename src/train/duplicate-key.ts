/**
 * The first key that stands twice in one object of a JSON text, or `undefined`. `JSON.parse` keeps the last one
 * silently. The text must be valid JSON; any length and depth is fine.
 */
export function duplicateKey(json: string): string | undefined {
  /** The keys of each object that is open; nothing for an array. */
  const open: (Set<string> | undefined)[] = [];
  let keyExpected = false;
  const structure = /["{}[\],]/g;
  for (let match = structure.exec(json); match !== null; match = structure.exec(json)) {
    const [token] = match;
    const keys = open.at(-1);
    if (token === '"') {
      const end = endOfString(json, match.index);
      if (keys !== undefined && keyExpected) {
        const key = JSON.parse(json.slice(match.index, end)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      structure.lastIndex = end;
    } else if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token !== ',') open.pop();
    keyExpected = token === '{' || (token === ',' && open.at(-1) !== undefined);
  }
  return undefined;
}

/**
 * Where the string that begins at `start` ends. Not one regular expression for the whole string: the engine's stack is
 * too small for some 10 MB of it.
 */
function endOfString(json: string, start: number): number {
  const special = /["\\]/g;
  special.lastIndex = start + 1;
  for (let match = special.exec(json); match !== null; match = special.exec(json)) {
    if (match[0] === '"') return special.lastIndex;
    special.lastIndex += 1;
  }
  return json.length;
}
