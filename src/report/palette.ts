/**
 * Colours and dashes. The hues follow Okabe and Ito's palette, which stays distinct under the common colour-vision
 * deficiencies (M. Okabe, K. Ito, "Color Universal Design", 2008), with darker and lighter variants for the two
 * backgrounds. Every head also has its own dash, so nothing rests on colour alone.
 */
export const SERIES_LIGHT: readonly string[] = ['#0072b2', '#d55e00', '#00845f', '#a8457f', '#8f6a00', '#3d4a57'];
export const SERIES_DARK: readonly string[] = ['#58b4ea', '#f5924e', '#3fca9d', '#e29bc4', '#e3bb4b', '#b6c2cf'];

/** Lengths of dash and gap in pixels; an empty list is a solid line. */
const DASHES: readonly (readonly number[])[] = [[], [9, 4], [2.5, 3], [10, 3.5, 2.5, 3.5], [16, 4], [5, 3, 1.5, 3]];

/** How many heads have a colour of their own; beyond it the colours repeat with other dashes. */
export const SERIES: number = SERIES_LIGHT.length;

/** The dash of the head at `index`. */
export function dashOf(index: number): readonly number[] {
  return DASHES[(index + Math.floor(index / SERIES)) % DASHES.length] ?? [];
}

/** What a chart is painted with: CSS variables in the page, plain colours in a picture. */
export interface Theme {
  readonly ink: string;
  readonly quiet: string;
  readonly axis: string;
  readonly grid: string;
  readonly series: (index: number) => string;
}

/** Follows the page's light or dark scheme. */
export const PAGE_THEME: Theme = Object.freeze({
  ink: 'var(--ink)',
  quiet: 'var(--quiet)',
  axis: 'var(--axis)',
  grid: 'var(--grid)',
  series: (index: number) => `var(--s${index % SERIES})`,
});

/** For a picture on white. */
export const PICTURE_THEME: Theme = Object.freeze({
  ink: '#1b1f24',
  quiet: '#5b636d',
  axis: '#8b939c',
  grid: '#e6e8eb',
  series: (index: number) => SERIES_LIGHT[index % SERIES] ?? '#000000',
});
