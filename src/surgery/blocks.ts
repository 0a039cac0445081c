import { usageError } from '../core/errors.ts';
import { sectionsOf } from './block-joins.ts';
import { blocksByName } from './block-names.ts';
import type { Cut } from './cut.ts';
import { parametersBefore, type ImportedParameter } from './parameters.ts';

/** Layers of a read model that are trained or frozen together. */
export interface Block {
  /** The path that its layers share, or the name of its first layer. */
  readonly name: string;
  /** Whether blocks were told apart by the names of layers, or by the points where one value alone leads on. */
  readonly how: 'names' | 'joins';
  readonly parameters: readonly ImportedParameter[];
}

/** Which of a read model's parameters are trained, besides those of the head and its adapter. */
export type TrainChoice =
  | { readonly kind: 'all' }
  /** The last `count` blocks before the classifier. */
  | { readonly kind: 'blocks'; readonly count: number }
  /** None. */
  | { readonly kind: 'head' };

/** The initializers before the classifier that training may change, in the order in which the data meets them; see {@link Cut}. */
export function importedParameters(cut: Cut): readonly ImportedParameter[] {
  return parametersBefore(cut.graph, cut.features);
}

/**
 * Groups in the order of their first product: an offset that exporters share between layers, because its values are equal, says nothing
 * about the order. A group without a product belongs to the group before it, or else behind it.
 */
function grouped(
  parameters: readonly ImportedParameter[],
  how: Block['how'],
  keyOf: (parameter: ImportedParameter) => string | number,
): readonly Block[] {
  const groups = new Map<string | number, ImportedParameter[]>();
  for (const parameter of parameters) {
    const key = keyOf(parameter);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [parameter]);
    else group.push(parameter);
  }
  const place = new Map(parameters.map(({ name }, index) => [name, index]));
  const start = (members: readonly ImportedParameter[]): number =>
    place.get((members.find(({ product }) => product) ?? members[0])?.name ?? '') ?? 0;
  const blocks: { name: string; parameters: ImportedParameter[] }[] = [];
  let leading: ImportedParameter[] = [];
  for (const [key, members] of [...groups].sort(([, a], [, b]) => start(a) - start(b))) {
    const last = blocks.at(-1);
    if (members.some(({ product }) => product)) {
      const name = typeof key === 'string' ? key : (members.find(({ product }) => product)?.layer ?? '');
      blocks.push({ name, parameters: [...leading, ...members] });
      leading = [];
    } else if (last === undefined) leading.push(...members);
    else last.parameters.push(...members);
  }
  if (leading.length > 0) blocks.push({ name: leading[0]?.layer ?? '', parameters: leading });
  return Object.freeze(blocks.map((block) => Object.freeze({ ...block, how })));
}

/**
 * The layers before the classifier in blocks, from the input on: by the paths of their names where these have numbered parts (`layer4.1`,
 * `features.18`, `encoder_layer_11`), else parted where one value alone leads on (behind a residual sum; in a plain
 * chain, behind each layer).
 */
export function blocksOf(cut: Cut): readonly Block[] {
  const parameters = importedParameters(cut);
  const names = blocksByName(parameters);
  if (names !== undefined) return grouped(parameters, 'names', ({ layer }) => names.get(layer) ?? layer);
  const sections = sectionsOf(cut.graph, cut.input, cut.features);
  return grouped(parameters, 'joins', ({ reader }) => sections.get(reader) ?? 0);
}

/**
 * The parameters that a choice trains.
 *
 * @throws a usage error for more blocks than there are
 */
export function trainedParameters(cut: Cut, choice: TrainChoice): readonly ImportedParameter[] {
  switch (choice.kind) {
    case 'all':
      return importedParameters(cut);
    case 'head':
      return [];
    case 'blocks': {
      const blocks = blocksOf(cut);
      if (!Number.isInteger(choice.count) || choice.count < 1 || choice.count > blocks.length) {
        throw usageError('the model has not that many blocks', {
          expected: `1 to ${blocks.length}`,
          received: String(choice.count),
          hint: `its last blocks are ${blocks
            .slice(-4)
            .map(({ name }) => name)
            .join(', ')}`,
        });
      }
      return blocks.slice(-choice.count).flatMap(({ parameters }) => parameters);
    }
    default:
      return choice satisfies never;
  }
}
