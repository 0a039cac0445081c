import { defined, internalError } from '../core/errors.ts';
import { sizeOf, type StaticShape } from '../core/shape.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { add, concat, mul, reshape } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { ModelTensors } from '../nn/layer-context.ts';
import type { ParameterSpec } from '../nn/parameters.ts';

/** Parameters that one vector holds: all of them decay, or none do. */
export interface Group {
  readonly name: string;
  readonly decay: boolean;
  readonly parameters: readonly ParameterSpec[];
}

/** A parameter of so many elements is a vector of its own: packing and unpacking it would copy it twice a step. */
const OWN_VECTOR = 2 ** 20;

/** Parameters that decay and those that do not, as far as there are any, and each very large one by itself. */
export function groupsOf(parameters: readonly ParameterSpec[]): readonly Group[] {
  const isLarge = ({ shape }: ParameterSpec): boolean => sizeOf(shape) >= OWN_VECTOR;
  const small = [true, false].map((decay) => ({
    name: decay ? 'decayed' : 'undecayed',
    decay,
    parameters: parameters.filter((p) => p.decay === decay && !isLarge(p)),
  }));
  const large = parameters.filter(isLarge).map((p) => ({ name: p.name, decay: p.decay, parameters: [p] }));
  return [...small.filter((group) => group.parameters.length > 0), ...large];
}

/** How many elements tensors of these shapes have together. */
export const lengthOf = (list: readonly { readonly shape: StaticShape }[]): number =>
  list.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

type Part = Pick<ParameterSpec, 'name' | 'shape'>;

/** Splits a flat vector into the tensors that the forward pass expects, under their own names. */
export function unpack(b: Builder, flat: Value, parameters: readonly Part[]): void {
  // A tensor that has a vector to itself is only read in another shape; Split would copy it.
  const alone = parameters.length === 1;
  const partName = (spec: Part): string => {
    if (alone) return flat.name;
    return spec.shape.length === 1 ? spec.name : `${spec.name}/flat`;
  };
  if (!alone) {
    const node: OpNode<'Split'> = {
      kind: 'op',
      op: 'Split',
      name: `unpack/${flat.name}`,
      inputs: [flat.name],
      outputs: parameters.map(partName),
      attributes: { split: parameters.map(({ shape }) => sizeOf(shape)), axis: 0 },
    };
    b.raw(node);
  }
  for (const spec of parameters) {
    if (partName(spec) === spec.name) continue;
    const restored: OpNode<'Reshape'> = {
      kind: 'op',
      op: 'Reshape',
      name: `unpack/${spec.name}`,
      inputs: [partName(spec)],
      outputs: [spec.name],
      attributes: { shape: spec.shape },
    };
    b.raw(restored);
  }
}

/** One vector of `values` in order. */
export function pack(b: Builder, values: readonly Value[]): Value {
  const flat = values.map((value) => reshape(b, value, [sizeOf(value.type.shape.map(Number))]));
  const [only] = flat;
  return flat.length === 1 && only !== undefined ? only : concat(b, flat, 0);
}

/** running ← (1 − m)·running + m·statistic, for all buffers in one vector; with m = 1 the statistic replaces what was there. */
export function updatedBuffers(b: Builder, buffers: Value, tensors: ModelTensors): Value {
  const updates = tensors.buffers.map(({ name }) =>
    defined(
      tensors.updates.find(({ buffer }) => buffer === name),
      `update of ${name}`,
    ),
  );
  const momentum = defined(updates[0], 'first buffer update').momentum;
  if (updates.some((update) => update.momentum !== momentum))
    throw internalError('running statistics must share one momentum');
  const fresh = pack(
    b,
    updates.map(({ statistic }) => b.value(statistic.name)),
  );
  return momentum === 1 ? fresh : add(b, mul(b, buffers, 1 - momentum), mul(b, fresh, momentum));
}
