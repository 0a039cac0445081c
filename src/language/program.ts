import { randomStream } from '../core/random.ts';
import { sizeOf, type StaticShape } from '../core/shape.ts';
import { float32, int32 } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { mul, reshape } from '../graph/functions.ts';
import { wordLoss } from '../heads/word-classifier.ts';
import { languageModel, stateSizes, type LanguageModelSpec } from '../models/language-model.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { stepProgram, type ForwardPass, type TrainingProgram, type UpdateOptions } from '../train/step-program.ts';

/** The size of what a training step reads: `batch` places of the text, `window` words from each. */
export interface WindowSize {
  readonly batch: number;
  readonly window: number;
}

/** Where numbers are dropped: an input of this name and shape holds 0 or 1/(1 − p) for each. */
interface Mask {
  readonly name: string;
  readonly shape: StaticShape;
}

/** Steps of the probability of dropping a number: one random byte decides. */
const LEVELS = 256;

/**
 * Masks of inverted dropout (Srivastava et al. 2014): 0 with probability p, else 1/(1 − p); p is rounded to 1/256. A pure function
 * of seed and step.
 */
function dropoutMasks(masks: readonly Mask[], dropout: number, seed: number, step: number): Tensors {
  const dropped = Math.round(dropout * LEVELS);
  const factor = Float32Array.from({ length: LEVELS }, (_, byte) => (byte < dropped ? 0 : LEVELS / (LEVELS - dropped)));
  const random = randomStream(seed, 'dropout', step);
  return Object.fromEntries(
    masks.map(({ name, shape }) => {
      const bytes = new Uint8Array(4 * Math.ceil(sizeOf(shape) / 4));
      const words = new Uint32Array(bytes.buffer);
      for (let index = 0; index < words.length; index++) words[index] = random.uniform() * 2 ** 32;
      const values = new Float32Array(sizeOf(shape));
      for (let index = 0; index < values.length; index++) values[index] = factor[bytes[index] ?? 0] ?? 0;
      return [name, float32(shape, values)];
    }),
  );
}

/**
 * The forward pass of a training step. It reads int32 `words` and `targets` `[window, batch]`, and `carry` [], 1 to go on from the state
 * of the window before and 0 to start from zeros. Gradients go back to the first word of the window and no further (truncated
 * back-propagation through time); the state is a buffer, `state.<layer>.hidden` and `.cell` `[batch, size]`.
 */
function forwardPass(spec: LanguageModelSpec, { batch, window }: WindowSize): ForwardPass {
  const b = createBuilder('language-model');
  const words = b.input('words', 'int32', [window, batch]);
  const targets = b.input('targets', 'int32', [window, batch]);
  const carry = b.input('carry', 'float32', []);
  const c = createLayerContext(b);
  const model = languageModel(c, spec);
  const buffers = stateSizes(spec).map((size, layer) =>
    c.layer(`state/${layer}`, () => ({
      hidden: c.buffer('hidden', [batch, size], 0),
      cell: c.buffer('cell', [batch, size], 0),
    })),
  );
  const states = b.scoped('carried', () =>
    buffers.map(({ hidden, cell }) => ({ hidden: mul(b, hidden, carry), cell: mul(b, cell, carry) })),
  );

  const masks: Mask[] = [];
  const sizes = [spec.size, ...stateSizes(spec)];
  const { output, states: after } = model.recur(model.embed(words), states, (value, place) => {
    if (spec.dropout === 0) return value;
    const mask = { name: `dropout.${place}`, shape: [window, batch, sizes[place] ?? spec.size] };
    masks.push(mask);
    return mul(b, value, b.input(mask.name, 'float32', mask.shape));
  });
  buffers.forEach((buffer, layer) => {
    const end = after[layer];
    if (end === undefined) return;
    c.updateBuffer({ buffer: buffer.hidden, statistic: end.hidden, momentum: 1 });
    c.updateBuffer({ buffer: buffer.cell, statistic: end.cell, momentum: 1 });
  });

  const h = reshape(b, output, [window * batch, spec.size]);
  const labels = reshape(b, targets, [window * batch]);
  b.output(wordLoss(c, { ...model.scores(h), labels }), 'loss');
  return {
    graph: b.build(),
    tensors: c.tensors(),
    feeds: (seed, step) => dropoutMasks(masks, spec.dropout, seed, step),
  };
}

/** One training step of a language model; `loss` [] is the mean of −log p(target), in nats. */
export function languageModelProgram(
  spec: LanguageModelSpec,
  size: WindowSize,
  options: UpdateOptions,
): TrainingProgram {
  return stepProgram(forwardPass(spec, size), options);
}

/** What a step of {@link languageModelProgram} reads besides the masks. */
export function windowFeeds(
  { batch, window }: WindowSize,
  { inputs, targets }: { readonly inputs: Int32Array; readonly targets: Int32Array },
  carried: boolean,
): Tensors {
  return {
    words: int32([window, batch], inputs),
    targets: int32([window, batch], targets),
    carry: float32([], [carried ? 1 : 0]),
  };
}
