import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addGlyphOptions, glyphChoiceOf, type GlyphFlags } from './glyph-options.ts';
import { augmentation } from './parse.ts';

function choiceOf(...argv: string[]) {
  const command = addGlyphOptions(new Command());
  command.parse(argv, { from: 'user' });
  return glyphChoiceOf(command.opts<GlyphFlags>());
}

describe('options of glyphs', () => {
  test('nothing given is nothing chosen, so that other data takes no notice', () => {
    expect(choiceOf()).toEqual({});
  });

  test('become a choice that can be stored', () => {
    const given = ['--characters', 'jis-1', '--min-fonts', '3', '--max-classes', '2500', '--fonts-per-family', '1'];
    expect(choiceOf(...given)).toEqual({
      glyphs: { characters: 'jis-1', minFonts: 3, maxClasses: 2500, fontsPerFamily: 1 },
    });
    expect(choiceOf('--held-out-fonts', '0.3')).toEqual({ glyphs: { heldOutFonts: 0.3 } });
    expect(choiceOf('--held-out-fonts', 'Motoya, Klee One')).toEqual({
      glyphs: { heldOutFonts: ['Motoya', 'Klee One'] },
    });
  });

  test('out of range are refused by name', () => {
    expect(() => choiceOf('--held-out-fonts', '1.5')).toThrow(/--held-out-fonts: not a number in range/);
    expect(() => choiceOf('--held-out-fonts', 'Motoya,,Klee')).toThrow(/--held-out-fonts: not a choice of fonts/);
    expect(() => choiceOf('--max-classes', '1')).toThrow(/--max-classes: not a whole number in range/);
  });
});

describe('--augment', () => {
  test('takes every change with its amount', () => {
    expect(augmentation('none')).toEqual({ cropPadding: 0, horizontalFlip: false });
    expect(augmentation('crop=4,flip')).toEqual({ cropPadding: 4, horizontalFlip: true });
    expect(augmentation('rotate=8, scale=0.08, shift=2.5')).toEqual({
      cropPadding: 0,
      horizontalFlip: false,
      rotationDegrees: 8,
      scale: 0.08,
      shift: 2.5,
    });
  });

  test.each(['crop', 'crop=1.5', 'rotate=-3', 'rotate=181', 'scale=1', 'shift', 'turn=3', ''])('refuses %j', (text) => {
    expect(() => augmentation(text)).toThrow(
      /--augment: unknown augmentation.*choose from crop=PIXELS, flip, resized-crop/,
    );
  });
});
