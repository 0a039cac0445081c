import { inputError, usageError } from '../../core/errors.ts';
import { defaultHeldOut, defaultMaxClasses, type GlyphChoice } from './choice.ts';
import { heldOutByShare, type FontFamily } from './families.ts';

/** Which families are held out, and how many must have a character. */
export interface Division {
  readonly heldOut: readonly FontFamily[];
  readonly minFonts: number;
}

/**
 * Divides the families by the choice. Only families that have many of the commonest characters (half as many as the one that has most) are drawn for being held out: one
 * with a handful of the characters would judge nothing. Names are parts of family names, in any case.
 */
export function divideFamilies(
  spec: string,
  families: readonly FontFamily[],
  choice: GlyphChoice,
  seed: number,
): Division {
  if (families.length < 2) {
    throw inputError('one font family cannot be divided into training and held-out fonts', {
      where: spec,
      received: families.map(({ names }) => names.join(' = ')).join(),
      hint: 'add fonts of another design',
    });
  }
  const counts = familyCounts(families);
  const common = new Set(byCount(counts).slice(0, choice.maxClasses ?? defaultMaxClasses));
  const coverage = families.map((family) => [...charactersIn(family)].filter((each) => common.has(each)).length);
  const enough = Math.max(...coverage) / 2;
  const broad = families.filter((_, index) => (coverage[index] ?? 0) >= enough);
  const minFonts = choice.minFonts ?? Math.max(2, Math.ceil(broad.length / 2));
  const held = choice.heldOutFonts ?? defaultHeldOut;
  if (typeof held !== 'number') return { heldOut: named(spec, families, held), minFonts };
  // A single broad family is for training; the others then judge what they can.
  const candidates = broad.length < 2 ? families : broad;
  const chosen = heldOutByShare(candidates.length, held, seed);
  return { heldOut: candidates.filter((_, index) => chosen.has(index)), minFonts };
}

function named(spec: string, families: readonly FontFamily[], parts: readonly string[]): readonly FontFamily[] {
  const fits = ({ names }: FontFamily, part: string): boolean =>
    names.some((name) => name.toLowerCase().includes(part.trim().toLowerCase()));
  const unknown = parts.find((part) => !families.some((family) => fits(family, part)));
  if (unknown !== undefined) {
    throw usageError('no font family of this name', {
      where: spec,
      received: JSON.stringify(unknown),
      legal: families.map(({ names }) => names.join(' = ')),
    });
  }
  const heldOut = families.filter((family) => parts.some((part) => fits(family, part)));
  if (heldOut.length < families.length) return heldOut;
  throw usageError('every font is held out', { where: spec, hint: 'leave some font families for training' });
}

function charactersIn({ faces }: FontFamily): Set<number> {
  return new Set(faces.flatMap(({ codePoints }) => [...codePoints]));
}

/** In how many families each character is. */
function familyCounts(families: readonly FontFamily[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const family of families) for (const each of charactersIn(family)) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
}

/** The commonest first, equally common ones by code point. */
export function byCount(counts: ReadonlyMap<number, number>): number[] {
  return [...counts].sort(([a, m], [b, n]) => n - m || a - b).map(([codePoint]) => codePoint);
}

/** The characters that enough families, one for training and one held out claim to have; the commonest first. */
export function rankCharacters(families: readonly FontFamily[], { heldOut, minFonts }: Division): readonly number[] {
  const counts = familyCounts(families);
  const inHeldOut = familyCounts(heldOut);
  return byCount(counts).filter((each) => {
    const count = counts.get(each) ?? 0;
    const held = inHeldOut.get(each) ?? 0;
    return count >= minFonts && held >= 1 && held < count;
  });
}
