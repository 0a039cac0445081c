import { createCanvas, Path2D, type SKRSContext2D } from '@napi-rs/canvas';
import type { Path } from 'fontkit';

/** What became of one character of one font. */
export const outcome = Object.freeze({ drawn: 0, missing: 1, blank: 2, failed: 3 });

/** Pictures of characters: `pixels` is `[count, height, width]`, ink 255 on 0; `outcomes` has one of {@link outcome} for each. */
export interface Pictures {
  readonly pixels: Uint8Array;
  readonly outcomes: Uint8Array;
}

/** Characters drawn side by side on one canvas: reading pixels back costs more than drawing them. */
const perCanvas = 64;
/** An outline beyond this is damaged: the most complicated ideographs of brush fonts have some 2000 pieces. */
const mostCommands = 50_000;
/** Font units; 16-bit coordinates times the steepest composite transformations stay far below. */
const largestCoordinate = 1e6;
/** Less ink than one whole pixel is no picture. */
const leastInk = 255;

/**
 * Draws outlines, grey and antialiased, each scaled (with its aspect ratio) so that the box of its ink fits into the picture less a margin of 1/16 of
 * the smaller side on every side, and centred.
 *
 * @param outlineOf the outline of place 0 … count−1; `undefined` for a character that the font does not have. It may throw: the place is then `failed`.
 */
export function drawOutlines(
  count: number,
  outlineOf: (place: number) => Path | undefined,
  height: number,
  width: number,
): Pictures {
  const plane = height * width;
  const pixels = new Uint8Array(count * plane);
  const outcomes = new Uint8Array(count);
  const margin = Math.max(1, Math.round(Math.min(height, width) / 16));
  const context = createCanvas(width, height * perCanvas).getContext('2d');
  for (let start = 0; start < count; start += perCanvas) {
    const used = Math.min(perCanvas, count - start);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height * perCanvas);
    for (let place = 0; place < used; place++) {
      try {
        const outline = outlineOf(start + place);
        const box = { top: place * height, height, width, margin };
        outcomes[start + place] = outline === undefined ? outcome.missing : fillOutline(context, outline, box);
      } catch {
        // A damaged glyph; the reader counts them.
        outcomes[start + place] = outcome.failed;
      }
    }
    const { data } = context.getImageData(0, 0, width, height * used);
    for (let place = 0; place < used; place++) {
      if (outcomes[start + place] !== outcome.drawn) continue;
      let ink = 0;
      for (let pixel = 0; pixel < plane; pixel++) {
        // Black ink on a transparent canvas: the picture is its opacity.
        const level = data[(place * plane + pixel) * 4 + 3] ?? 0;
        pixels[(start + place) * plane + pixel] = level;
        ink += level;
      }
      if (ink < leastInk) outcomes[start + place] = outcome.blank;
    }
  }
  return { pixels, outcomes };
}

interface Box {
  readonly top: number;
  readonly height: number;
  readonly width: number;
  readonly margin: number;
}

function fillOutline(context: SKRSContext2D, outline: Path, { top, height, width, margin }: Box): number {
  if (outline.commands.length === 0) return outcome.blank;
  if (outline.commands.length > mostCommands) return outcome.failed;
  if (outline.commands.some(({ args }) => args.some((value) => !(Math.abs(value) <= largestCoordinate)))) {
    return outcome.failed;
  }
  const { minX, minY, maxX, maxY } = outline.bbox;
  const [inkWidth, inkHeight] = [maxX - minX, maxY - minY];
  if (!(inkWidth > 0 && inkHeight > 0)) return outcome.blank;
  const scale = Math.min((width - 2 * margin) / inkWidth, (height - 2 * margin) / inkHeight);
  const path = new Path2D();
  for (const { command, args } of outline.commands) {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
    switch (command) {
      case 'moveTo':
        path.moveTo(a, b);
        break;
      case 'lineTo':
        path.lineTo(a, b);
        break;
      case 'quadraticCurveTo':
        path.quadraticCurveTo(a, b, c, d);
        break;
      case 'bezierCurveTo':
        path.bezierCurveTo(a, b, c, d, e, f);
        break;
      case 'closePath':
        path.closePath();
        break;
      default:
        command satisfies never;
    }
  }
  // A font's y grows upwards.
  const x = width / 2 - scale * (minX + inkWidth / 2);
  const y = top + height / 2 + scale * (minY + inkHeight / 2);
  context.setTransform(scale, 0, 0, -scale, x, y);
  context.fill(path);
  return outcome.drawn;
}
