import { defined } from '../core/errors.ts';
import { isStatic } from '../core/shape.ts';
import { float32, int32 } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { concat, expand, gather, pad, reshape } from '../graph/functions.ts';
import type { Graph, GraphNode } from '../graph/graph.ts';
import { startPass, type Pass } from './pass.ts';
import { range } from './window.ts';

/**
 * Values of a graph being lowered to ONNX Runtime's blocked layout NCHWc.
 *
 * With b the block size, a blocked value has the type `[N, C, H, W]` and the memory order `[N, C/b, H, W, b]`; a Reshape
 * reinterprets that memory for free. Each value of the original graph exists in one or more forms; others are made when
 * somebody asks, so that a node which has no blocked recipe costs conversions around itself and nothing else.
 */
interface Forms {
  /** Row-major: what the original graph means. */
  plain?: Value;
  blocked?: Value;
  phases?: Phases;
  /** The first phase of an image whose other phases are zero: the gradient of a 1×1 convolution with strides. */
  sparse?: Phases;
  /** `[N, C, 1, 1]`: the value is the same at every pixel. */
  uniform?: Value;
  scaled?: Scaled;
  /** Computes the blocked value a second time, in one cheap pass. */
  remake?: () => Value;
  /** Computes the blocked value with an activation on top, in the same pass; who reads the value itself gets it without. */
  through?: (activation: Activation, dilations?: readonly [number, number]) => Value;
  /** Names of the values whose channels stand side by side in this one. */
  parts?: readonly string[];
  /** Computes the blocked value plus another one, which nobody else reads. */
  plus?: (sum: Value | undefined) => Value;
}

/** A function of one number that a blocked convolution applies to its result for free. */
export type Activation =
  | { readonly kind: 'none' }
  | { readonly kind: 'relu' }
  /** min(max(x, low), high) */
  | { readonly kind: 'clip'; readonly low: number; readonly high: number };

/**
 * Dilations of a convolution that repeats another one: they mean nothing to a 1×1 kernel, but keep ONNX Runtime from merging
 * the two.
 */
export const AGAIN = [2, 2] as const;

/** Forms of which the blocked value is made when somebody asks for it. */
const MAKERS = ['phases', 'sparse', 'uniform', 'scaled', 'through', 'parts', 'plus'] as const;

/** An image split by the position of its pixels in a grid of cells: channels (row in cell, column in cell, channel). */
export interface Phases {
  /** Blocked `[N, rows·columns·C, gridHeight, gridWidth]`. */
  readonly value: Value;
  /** Pixels of a cell: the strides of the convolution it is a gradient of. */
  readonly cell: readonly [rows: number, columns: number];
}

/** A value divided by a constant per channel. */
export interface Scaled {
  /** Blocked. */
  readonly value: Value;
  /** `[C]`: what to multiply by. */
  readonly scale: Value;
}

export interface BlockedPass extends Pass {
  readonly block: number;
  /** The extents if the value can be blocked: float32 `[N, C, H, W]` with C divisible by b. */
  readonly blockable: (name: string) => readonly [number, number, number, number] | undefined;
  /** The same, where it is known to be so. */
  readonly extents: (name: string) => readonly [number, number, number, number];
  /** Whether the value exists in a form that becomes blocked without a Reorder from row-major. */
  readonly isBlocked: (name: string) => boolean;
  /** Whether the value was lowered, in any form. */
  readonly isKnown: (name: string) => boolean;
  readonly plain: (name: string) => Value;
  readonly blocked: (name: string) => Value;
  /**
   * The blocked value for the backward pass. Where it is cheap to compute again it is, so that memory need not hold it from
   * the forward pass until then.
   */
  readonly again: (name: string) => Value;
  /** The value in whichever form it has: its elements in any order, perhaps scaled. */
  readonly anyForm: (name: string) => Value;
  /** Whether one node reads the value, and nobody else: an operator may then write its result over it. */
  readonly hasOneReader: (name: string) => boolean;
  /** The form if the value has it. */
  readonly form: <F extends keyof Forms>(name: string, form: F) => Forms[F];
  readonly define: <F extends keyof Forms>(name: string, form: F, value: Forms[F] & object) => void;
  /** A value derived from another once: the filter of a convolution in its layout, say. */
  readonly once: (key: string, make: () => Value) => Value;
}

export function startBlockedPass(graph: Graph, block: number): BlockedPass {
  const pass = startPass(graph);
  const { builder: b } = pass;
  const known = new Map<string, Forms>();
  const derived = new Map<string, Value>();
  const readers = new Map<string, number>();
  // What a second computation waits for is not read by it: the recipes, and so every bit, are those without it.
  const read = (node: GraphNode): readonly string[] =>
    node.kind === 'op' && node.op === 'Recompute' ? node.inputs.slice(0, 1) : node.inputs;
  for (const name of [...graph.nodes.flatMap(read), ...graph.outputs]) readers.set(name, (readers.get(name) ?? 0) + 1);

  const formsOf = (name: string): Forms => {
    let forms = known.get(name);
    if (forms === undefined) {
      forms = b.has(name) ? { plain: b.value(name) } : {};
      known.set(name, forms);
    }
    return forms;
  };
  const blockable = (name: string): readonly [number, number, number, number] | undefined => {
    const type = graph.types.get(name);
    if (type?.dtype !== 'float32' || !isStatic(type.shape) || type.shape.length !== 4) return undefined;
    const [batch = 0, channels = 0, height = 0, width = 0] = type.shape;
    return channels % block === 0 ? [batch, channels, height, width] : undefined;
  };
  const extentsOf = (name: string) => defined(blockable(name), `blocked form of ${name}`);

  const makeBlocked = (name: string, forms: Forms): Value => {
    const [batch, channels, height, width] = extentsOf(name);
    if (forms.through !== undefined) return forms.through({ kind: 'none' });
    if (forms.parts !== undefined) return sideBySide(self, forms.parts.map(self.blocked));
    if (forms.scaled !== undefined) return affine(self, forms.scaled.value, forms.scaled.scale, undefined);
    if (forms.plus !== undefined) return forms.plus(undefined);
    if (forms.phases !== undefined) return interleave(self, forms.phases, [batch, channels, height, width]);
    if (forms.sparse !== undefined) return scatter(self, forms.sparse, [batch, channels, height, width]);
    if (forms.uniform !== undefined) {
      const pixels = reshape(b, forms.uniform, [batch, channels / block, 1, block]);
      const repeated = expand(b, pixels, [batch, channels / block, height * width, block]);
      return reshape(b, repeated, [batch, channels, height, width]);
    }
    const plain = defined(forms.plain, `value ${name}`);
    // One pixel: both orders are the same.
    return height * width === 1 ? plain : b.op('nchwc.ReorderInput', [plain], { channels_last: 0 });
  };
  const makePlain = (name: string, forms: Forms): Value => {
    const [batch, channels, height, width] = extentsOf(name);
    if (forms.uniform !== undefined) return expand(b, forms.uniform, [batch, channels, height, width]);
    const blocked = (forms.blocked ??= makeBlocked(name, forms));
    return height * width === 1 ? blocked : b.op('nchwc.ReorderOutput', [blocked], { channels, channels_last: 0 });
  };

  const self: BlockedPass = {
    ...pass,
    block,
    blockable,
    extents: extentsOf,
    isBlocked: (name) => {
      const forms = formsOf(name);
      return forms.blocked !== undefined || MAKERS.some((form) => forms[form] !== undefined);
    },
    isKnown: (name) => Object.keys(formsOf(name)).length > 0,
    plain: (name) => {
      const forms = formsOf(name);
      return (forms.plain ??= makePlain(name, forms));
    },
    blocked: (name) => {
      const forms = formsOf(name);
      return (forms.blocked ??= makeBlocked(name, forms));
    },
    again: (name) => {
      const { remake } = formsOf(name);
      return remake === undefined ? self.blocked(name) : self.once(`again ${name}`, remake);
    },
    anyForm: (name) => {
      const { plain, blocked, phases, sparse, uniform, scaled } = formsOf(name);
      return plain ?? blocked ?? uniform ?? (phases ?? sparse ?? scaled)?.value ?? self.blocked(name);
    },
    hasOneReader: (name) => readers.get(name) === 1,
    form: (name, form) => formsOf(name)[form],
    define: (name, form, value) => {
      formsOf(name)[form] = value;
    },
    once: (key, make) => {
      let value = derived.get(key);
      if (value === undefined) {
        value = make();
        derived.set(key, value);
      }
      return value;
    },
  };
  return self;
}

/**
 * Blocked values as the channels of one: in memory, blocks of channels behind each other for each image, as channels are in
 * row-major order. The axis of a second Concat of the same values is counted from the end, which keeps ONNX Runtime from merging
 * the two.
 */
export function sideBySide({ builder: b }: BlockedPass, values: readonly Value[], second = false): Value {
  return concat(b, values, second ? -3 : 1);
}

interface BlockedConv {
  readonly bias?: Value | undefined;
  readonly sum?: Value | undefined;
  readonly kernel: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
  readonly group?: number;
  readonly activation?: Activation;
}

function activationAttributes(activation: Activation) {
  switch (activation.kind) {
    case 'none':
      return { activation: '', activation_params: [] };
    case 'relu':
      return { activation: 'Relu', activation_params: [] };
    case 'clip':
      return { activation: 'Clip', activation_params: [activation.low, activation.high] };
    default:
      return activation satisfies never;
  }
}

/** The blocked convolution: y = activation(x ∗ w + bias + sum). */
export function blockedConv(b: Builder, x: Value, w: Value, options: BlockedConv): Value {
  const { bias, sum, kernel, pads = [0, 0, 0, 0], strides = [1, 1], dilations = [1, 1], group = 1 } = options;
  return b.op('nchwc.Conv', [x, w, bias, sum], {
    kernel_shape: kernel,
    pads,
    strides,
    dilations,
    group,
    ...activationAttributes(options.activation ?? { kind: 'none' }),
  });
}

export function ones(pass: BlockedPass, channels: number): Value {
  return pass.constant(`ones_${channels}`, () => float32([channels], new Float32Array(channels).fill(1)));
}

/** activation(x·scale + bias + sum) with channel vectors scale and bias, in one pass over x: a depthwise 1×1 convolution. */
export function affine(
  pass: BlockedPass,
  x: Value,
  scale: Value,
  bias: Value | undefined,
  options: Pick<BlockedConv, 'sum' | 'activation' | 'pads' | 'strides' | 'dilations'> = {},
): Value {
  const { builder: b } = pass;
  const group = channelsOf(x);
  return blockedConv(b, x, reshape(b, scale, [group, 1, 1, 1]), { ...options, bias, kernel: [1, 1], group });
}

export function channelsOf(x: Value): number {
  const channels = x.type.shape[1];
  return typeof channels === 'number' ? channels : 0;
}

/**
 * `[n, b, m]` → `[n, m, b]`: what blocking b channels of m pixels is. Unlike a Transpose it runs on all threads, in vectors.
 */
export function rowsOfBlocks({ builder: b, block }: BlockedPass, x: Value): Value {
  const [count = 0, , length = 0] = staticShapeOf(x);
  if (length === 1) return reshape(b, x, [count, 1, block]);
  const blocked = b.op('nchwc.ReorderInput', [reshape(b, x, [count, block, 1, length])], { channels_last: 0 });
  return reshape(b, blocked, [count, length, block]);
}

/** The inverse: `[n, m, b]` → `[n, b, m]`. */
export function blocksOfRows({ builder: b, block }: BlockedPass, x: Value): Value {
  const [count = 0, length = 0] = staticShapeOf(x);
  if (length === 1) return reshape(b, x, [count, block, 1]);
  const rows = reshape(b, x, [count, block, 1, length]);
  const plain = b.op('nchwc.ReorderOutput', [rows], { channels: block, channels_last: 0 });
  return reshape(b, plain, [count, block, length]);
}

/** A constant vector of indices. */
export function indices(pass: BlockedPass, key: string, make: () => number[]): Value {
  return pass.constant(`index_${key}`, () => {
    const values = make();
    return int32([values.length], values);
  });
}

/** Phases back to an image, dropping what of the last cells lies outside: a Gather of whole blocks. */
export function interleave(
  pass: BlockedPass,
  { value, cell: [rows, columns] }: Phases,
  [batch, channels, height, width]: readonly [number, number, number, number],
): Value {
  const { builder: b, block } = pass;
  const blocks = channels / block;
  const [gridHeight, gridWidth] = [Math.ceil(height / rows), Math.ceil(width / columns)];
  const order = indices(pass, `cells_${[rows, columns, channels, height, width].join('_')}`, () =>
    range(blocks).flatMap((c) =>
      range(height).flatMap((h) =>
        range(width).map((w) => {
          const phase = (h % rows) * columns + (w % columns);
          return ((phase * blocks + c) * gridHeight + Math.floor(h / rows)) * gridWidth + Math.floor(w / columns);
        }),
      ),
    ),
  );
  const flat = reshape(b, value, [batch, rows * columns * blocks * gridHeight * gridWidth, block]);
  return reshape(b, gather(b, flat, order, 1), [batch, channels, height, width]);
}

/** The image of which `value` has the first pixel of each cell, the others being zero: a Gather of whole blocks. */
export function scatter(
  pass: BlockedPass,
  { value, cell: [rows, columns] }: Phases,
  [batch, channels, height, width]: readonly [number, number, number, number],
): Value {
  const { builder: b, block } = pass;
  const [, , gridHeight = 0, gridWidth = 0] = staticShapeOf(value);
  const places = (channels / block) * gridHeight * gridWidth;
  // One block of zeros behind those of each image.
  const flat = pad(b, reshape(b, value, [batch, places, block]), [0, 0, 0, 0, 1, 0]);
  const order = indices(pass, `spread_${[rows, columns, channels, height, width].join('_')}`, () =>
    range(channels / block).flatMap((c) =>
      range(height).flatMap((h) =>
        range(width).map((w) =>
          h % rows === 0 && w % columns === 0 ? (c * gridHeight + h / rows) * gridWidth + w / columns : places,
        ),
      ),
    ),
  );
  return reshape(b, gather(b, flat, order, 1), [batch, channels, height, width]);
}
