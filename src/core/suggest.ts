import { closest, distance } from 'fastest-levenshtein';

/** A hint that suggests the choice nearest to a misspelt name; nothing where none is near. */
export function nearestOf(given: string, choices: readonly string[]): { readonly hint?: string } {
  if (given === '' || choices.length === 0) return {};
  const nearest = closest(given, [...choices]);
  return distance(given, nearest) <= Math.max(2, Math.floor(given.length / 3))
    ? { hint: `did you mean ${nearest}?` }
    : {};
}
