import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { usageError } from '../../core/errors.ts';

/** What a dataset of rendered characters is made of; plain data, so that a run stores it. */
export interface GlyphChoice {
  /**
   * Which characters: names of sets, Unicode scripts, ranges such as `U+3041-U+3096` or paths of text files, joined by `+`; see `charactersOf`. All letters,
   * numbers, punctuation and symbols unless given.
   */
  readonly characters?: string;
  /** In how many font families a character must be drawn to become a class; half of the families that have many of the characters, at least 2, unless given. */
  readonly minFonts?: number;
  /** Most classes: the characters drawn in the most families come first, then by code point; {@link defaultMaxClasses} unless given. */
  readonly maxClasses?: number;
  /** Share of the font families that is held out for validation (0 < share < 1), or which ones: parts of their names; {@link defaultHeldOut} unless given. */
  readonly heldOutFonts?: number | readonly string[];
  /** Most fonts that one family gives, the ones that differ most; {@link defaultFontsPerFamily} unless given. */
  readonly fontsPerFamily?: number;
}

/** Classes of a glyphs dataset where no number is asked for. */
export const defaultMaxClasses = 1000;
/** Share of the font families held out where nothing is asked for. */
export const defaultHeldOut = 0.2;
/** Fonts that a family gives where no number is asked for. */
export const defaultFontsPerFamily = 2;
/** Side of the pictures, in pixels, where no size is asked for. */
export const defaultSide = 32;

const prefix = 'glyphs';

/** Whether DATA names rendered characters: `glyphs`, or `glyphs:FOLDER,FOLDER`. */
export function isGlyphSpec(spec: string): boolean {
  return spec === prefix || spec.startsWith(`${prefix}:`);
}

/** The folders and font files behind `glyphs:`, as written; the folders of installed fonts for `glyphs` alone. */
export function glyphPlaces(spec: string): { readonly paths: readonly string[]; readonly installed: boolean } {
  if (spec === prefix) return { paths: installedFontFolders(), installed: true };
  const paths = spec
    .slice(prefix.length + 1)
    .split(',')
    .map((path) => path.trim());
  if (paths.includes('')) {
    throw usageError('a font folder without a name', {
      where: spec,
      expected: 'glyphs for the installed fonts, or glyphs:FOLDER, or several folders with commas between',
    });
  }
  return { paths, installed: false };
}

/** The same data from another working directory. */
export function absoluteGlyphSpec(spec: string): string {
  const { paths, installed } = glyphPlaces(spec);
  return installed ? spec : `${prefix}:${paths.map((path) => resolve(path)).join(',')}`;
}

/** The same choice from another working directory: files of characters by their full paths. */
export function absoluteChoiceOf(choice: GlyphChoice): GlyphChoice {
  const { characters } = choice;
  if (characters === undefined) return choice;
  const parts = splitCharacters(characters).map((part) => (existsSync(part) ? resolve(part) : part));
  return { ...choice, characters: parts.join('+') };
}

/** The parts of a text such as `kana+U+4E00-U+9FFF+more.txt`; the plus sign of a code point does not separate. */
export function splitCharacters(text: string): readonly string[] {
  return text.split(/(?<!(?:^|[-+])U)\+/i).map((part) => part.trim());
}

function installedFontFolders(): string[] {
  const home = homedir();
  const { platform, env } = process;
  if (platform === 'darwin') return ['/System/Library/Fonts', '/Library/Fonts', join(home, 'Library', 'Fonts')];
  if (platform === 'win32') {
    const { WINDIR: windows = 'C:\\Windows', LOCALAPPDATA: local = join(home, 'AppData', 'Local') } = env;
    return [join(windows, 'Fonts'), join(local, 'Microsoft', 'Windows', 'Fonts')];
  }
  const { XDG_DATA_HOME: data = join(home, '.local', 'share') } = env;
  return ['/usr/share/fonts', '/usr/local/share/fonts', join(data, 'fonts'), join(home, '.fonts')];
}

/** The choice, or a usage error naming the value that is out of range. */
export function checkedChoice(choice: GlyphChoice): GlyphChoice {
  whole('the number of fonts that must have a character', choice.minFonts, 1);
  whole('the largest number of classes', choice.maxClasses, 2);
  whole('the number of fonts that a family gives', choice.fontsPerFamily, 1);
  const { heldOutFonts: held } = choice;
  if (typeof held === 'number' && !(held > 0 && held < 1)) {
    throw usageError('the share of held-out fonts is out of range', {
      expected: 'a number greater than 0 and less than 1, or names of font families',
      received: String(held),
    });
  }
  if (typeof held === 'object' && (held.length === 0 || held.some((name) => name.trim() === ''))) {
    throw usageError('no name of a held-out font family', { received: JSON.stringify(held) });
  }
  return choice;
}

function whole(what: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw usageError(`${what} is out of range`, {
    expected: `a whole number of at least ${least}`,
    received: String(value),
  });
}
