import { inputError } from '../core/errors.ts';
import { formatShape, sameShape, type Dim, type Shape } from '../core/shape.ts';
import { bindInputs } from '../graph/bind.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { flatten, transpose } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { keepOutputs } from '../graph/passes.ts';
import type { Cut, InputLayout } from './cut.ts';
import type { ImportedParameter } from './parameters.ts';

/** The shape of the model's input for a batch. */
function inputShape({ layout, image }: Cut, batch: Dim): Shape {
  const { channels, height, width } = image;
  switch (layout) {
    case 'channels-first':
      return [batch, channels, height, width];
    case 'channels-last':
      return [batch, height, width, channels];
    case 'flat':
      return [batch, channels];
    default:
      return layout satisfies never;
  }
}

/** Images `[batch, channels, height, width]` as the model takes them. */
export function laidOut(b: Builder, images: Value, layout: InputLayout): Value {
  switch (layout) {
    case 'channels-first':
      return images;
    case 'channels-last':
      return transpose(b, images, [0, 2, 3, 1]);
    case 'flat':
      return flatten(b, images);
    default:
      return layout satisfies never;
  }
}

/**
 * The model up to its features `[batch, N]` or its logits `[batch, C]`, for one batch size: inputs are the data and the trained
 * initializers (so that no folding can reach them), the only output is what was asked for.
 *
 * @throws an input error where the file fixes another batch size in a way that cannot be undone
 */
export function bodyOf(
  cut: Cut,
  trained: readonly ImportedParameter[],
  batch: Dim,
  upTo: 'features' | 'logits' = 'features',
): Graph {
  const { classifier } = cut;
  const [output, width] = upTo === 'features' ? [cut.features, classifier.features] : [cut.logits, classifier.classes];
  const names = new Set(trained.map(({ name }) => name));
  const open = {
    ...cut.graph,
    inputs: [...cut.graph.inputs, ...names],
    initializers: new Map([...cut.graph.initializers].filter(([name]) => !names.has(name))),
  };
  const bound = bindInputs(keepOutputs(open, [output]), new Map([[cut.input, inputShape(cut, batch)]]));
  const type = bound.types.get(output);
  const expected: Shape = [batch, width];
  if (type === undefined) {
    // Behind operators that no shape rule knows: what a matrix product takes is known all the same.
    const known = Object.freeze({ dtype: 'float32', shape: Object.freeze(expected) } as const);
    return Object.freeze({ ...bound, types: new Map([...bound.types, [output, known]]) });
  }
  if (sameShape(type.shape, expected)) return bound;
  if (typeof cut.batch === 'number' && cut.batch !== batch) {
    throw inputError(`the model was exported for batches of ${cut.batch} and cannot be run on others`, {
      where: `input ${cut.input}`,
      received: `a batch of ${batch}`,
      hint: `export it with a symbolic batch dimension, or use batches of ${cut.batch}`,
    });
  }
  throw inputError('features or logits have another shape than the model says', {
    where: `value ${output}`,
    expected: formatShape(expected),
    received: formatShape(type.shape),
  });
}
