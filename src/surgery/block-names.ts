import type { ImportedParameter } from './parameters.ts';

/** What tells blocks apart: a component that ends in a number. */
const numbered = (part: string | undefined): boolean => part !== undefined && /\d$/.test(part);
const isNumber = (part: string | undefined): boolean => part !== undefined && /^\d+$/.test(part);

/**
 * The block of each layer path, or `undefined` where no path has a numbered part.
 *
 * A block is the path up to its first numbered component (`encoder_layer_11`, `features.18`), and one component further where that is a
 * number of its own and has several layers below it: `layer4.1` of a residual stage, `features.7.2` of a stage of blocks, but not
 * `features.18.0`, which is one convolution. A path without a number is its own block.
 */
export function blocksByName(parameters: readonly ImportedParameter[]): ReadonlyMap<string, string> | undefined {
  const layers = [...new Set(parameters.map(({ layer }) => layer))];
  const below = (prefix: string): number => layers.filter((layer) => layer.startsWith(`${prefix}.`)).length;
  const blocks = new Map<string, string>();
  for (const layer of layers) {
    const parts = layer.split('.');
    const first = parts.findIndex(numbered);
    const prefix = first === -1 ? layer : parts.slice(0, first + 1).join('.');
    const next = parts[first + 1];
    const further = `${prefix}.${next ?? ''}`;
    blocks.set(layer, first !== -1 && isNumber(next) && below(further) > 1 ? further : prefix);
  }
  const inBlocks = layers.filter((layer) => layer !== blocks.get(layer));
  return inBlocks.length * 2 > layers.length ? blocks : undefined;
}
