import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import { namedCharacterSets } from '../data/glyphs/characters.ts';
import { defaultFontsPerFamily, defaultHeldOut, defaultMaxClasses, type GlyphChoice } from '../data/glyphs/choice.ts';
import * as parse from './parse.ts';

/** Options of `glyphs` data; `undefined` where nothing was given. */
export interface GlyphFlags {
  readonly characters?: string;
  readonly minFonts?: number;
  readonly maxClasses?: number;
  readonly heldOutFonts?: number | readonly string[];
  readonly fontsPerFamily?: number;
}

export function addGlyphOptions(command: Command): Command {
  return command
    .option(
      '--characters <sets>',
      `glyphs: ${namedCharacterSets.join(', ')}, a Unicode script, U+3041-U+3096 or a text file, joined by + (default: all)`,
    )
    .option(
      '--min-fonts <n>',
      'glyphs: font families that must have a character (default: half of them)',
      parse.whole('--min-fonts', 1),
    )
    .option(
      '--max-classes <n>',
      `glyphs: the commonest characters (default: ${defaultMaxClasses})`,
      parse.whole('--max-classes', 2),
    )
    .option(
      '--held-out-fonts <which>',
      `glyphs: share of the font families held out for validation, or parts of their names with commas between (default: ${defaultHeldOut})`,
      heldOutFonts,
    )
    .option(
      '--fonts-per-family <n>',
      `glyphs: most fonts that a family gives (default: ${defaultFontsPerFamily})`,
      parse.whole('--fonts-per-family', 1),
    );
}

function heldOutFonts(text: string): number | readonly string[] {
  if (/^[-+.\d]+$/.test(text)) return parse.real('--held-out-fonts', { above: 0, below: 1 })(text);
  const names = text.split(',').map((name) => name.trim());
  if (!names.includes('')) return names;
  throw usageError('not a choice of fonts', {
    where: '--held-out-fonts',
    expected: 'a share such as 0.2, or parts of font names with commas between',
    received: JSON.stringify(text),
  });
}

/** The part of a dataset choice that the options ask for; nothing where none was given. */
export function glyphChoiceOf(flags: GlyphFlags): { readonly glyphs?: GlyphChoice } {
  const { characters, minFonts, maxClasses, heldOutFonts: held, fontsPerFamily } = flags;
  const glyphs: GlyphChoice = {
    ...(characters === undefined ? {} : { characters }),
    ...(minFonts === undefined ? {} : { minFonts }),
    ...(maxClasses === undefined ? {} : { maxClasses }),
    ...(held === undefined ? {} : { heldOutFonts: held }),
    ...(fontsPerFamily === undefined ? {} : { fontsPerFamily }),
  };
  return Object.keys(glyphs).length === 0 ? {} : { glyphs };
}
