/**
 * Numbers as a reader wants them. Everything here is locale-independent (en-US grouping), so the same run gives the
 * same text on every machine, and a number that is not finite becomes a dash, never `NaN`.
 */

/** What stands where a number is missing or not finite. */
export const MISSING = '–';

function fixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/** A fraction in [0, 1] as per cent without the sign: `0.91324` → `91.32`. */
export function percent(fraction: number, decimals = 2): string {
  return Number.isFinite(fraction) ? fixed(fraction * 100, decimals) : MISSING;
}

/** Mean ± sample standard deviation in per cent; the deviation is left out where one seed cannot have one. */
export function percentWithDeviation(value: { readonly mean: number; readonly sd: number }, seeds: number): string {
  const mean = percent(value.mean);
  return seeds > 1 && Number.isFinite(value.sd) && mean !== MISSING ? `${mean} ± ${percent(value.sd)}` : mean;
}

/** A whole number with thousands separators: `855770` → `855,770`. */
export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : MISSING;
}

/** A count in at most five characters and a unit: `855770` → `856 k`, `25557032` → `25.6 M`. */
export function shortCount(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  if (Math.abs(value) < 10_000) return count(value);
  return scaled(value, [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]);
}

/** Bytes in decimal units: `999` → `999 B`, `1234567` → `1.23 MB`. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  if (Math.abs(value) < 1000) return `${count(value)} B`;
  return scaled(value, [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ]);
}

/** The largest unit that leaves at least 1 after rounding to three significant digits. */
function scaled(value: number, units: readonly (readonly [size: number, unit: string])[]): string {
  const unit = units.find(([size]) => Math.abs(value) >= 0.9995 * size) ?? units.at(-1);
  return unit === undefined ? count(value) : `${significant(value / unit[0])} ${unit[1]}`;
}

/** Three significant digits for a measured quantity, whole above 100: `0.0712`, `4.13`, `38.5`, `1,204`. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 99.95) return count(value);
  if (size >= 9.995) return fixed(value, 1);
  if (size >= 0.9995) return fixed(value, 2);
  return String(Number(value.toPrecision(3)));
}

/** `numerator / denominator`, 0 where nothing is there to have a share of. */
export function share(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

/** A share in per cent, with the digits that a small one needs: `76.3`, `4.21`, `0.076`, `< 0.001`. */
export function sharePercent(fraction: number): string {
  if (!Number.isFinite(fraction)) return MISSING;
  const value = fraction * 100;
  if (value === 0) return '0';
  if (value < 0.001) return '< 0.001';
  if (value < 0.1) return fixed(value, 3);
  return fixed(value, value < 10 ? 2 : 1);
}

/** Arithmetic mean of the finite values, NaN where there are none. */
export function mean(values: readonly number[]): number {
  const finite = values.filter((value) => Number.isFinite(value));
  return finite.length === 0 ? Number.NaN : finite.reduce((sum, value) => sum + value, 0) / finite.length;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(items: readonly string[]): string {
  const last = items.at(-1);
  if (last === undefined) return '';
  return items.length === 1 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}

/** `1 seed`, `3 seeds`, `2 classes`. */
export function plural(number: number, singular: string, many = `${singular}s`): string {
  return `${count(number)} ${number === 1 ? singular : many}`;
}

/** One line of text: characters that would move a cursor, change a colour or break XML become a visible mark. */
export function plain(text: string): string {
  return text
    .replace(/[\t\n\r]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD');
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** At most `length` characters as a reader counts them, the rest an ellipsis. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const characters = Array.from(graphemes.segment(text), (part) => part.segment);
  return characters.length <= length ? text : `${characters.slice(0, Math.max(1, length - 1)).join('')}…`;
}
