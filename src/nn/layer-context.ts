import { inputError } from '../core/errors.ts';
import { sameShape, type StaticShape } from '../core/shape.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import type { Builder, Value } from '../graph/builder.ts';
import type { BufferSpec, Initial, ParameterSpec } from './parameters.ts';

/** A new value for a buffer at the end of a training step: running ← (1 − momentum)·running + momentum·statistic. */
export interface BufferUpdate {
  readonly buffer: string;
  readonly statistic: Value;
  readonly momentum: number;
}

/** A tensor that is part of the model but never trained: a fixed classifier matrix. */
export interface FixedTensor {
  readonly name: string;
  readonly shape: StaticShape;
}

/** What building a model leaves behind besides its graph. */
export interface ModelTensors {
  readonly parameters: readonly ParameterSpec[];
  readonly buffers: readonly BufferSpec[];
  readonly fixed: readonly FixedTensor[];
  readonly updates: readonly BufferUpdate[];
}

/**
 * What a layer function sees: where to add nodes, how to get its parameters, and whether it is being built for training
 * (parameters are graph inputs, BatchNorm uses batch statistics) or for inference (parameters are constants).
 */
export interface LayerContext {
  readonly b: Builder;
  readonly mode: 'training' | 'inference';
  /** A tensor that training updates, named in the current layer. */
  readonly parameter: (
    name: string,
    shape: StaticShape,
    initial: Initial,
    options: { readonly decay: boolean },
  ) => Value;
  /** A tensor that training replaces without a gradient; a number fills it. */
  readonly buffer: (name: string, shape: StaticShape, initial: number | Float32Array) => Value;
  /** What a training step makes of a buffer: (1 − momentum)·buffer + momentum·statistic. */
  readonly updateBuffer: (update: {
    readonly buffer: Value;
    readonly statistic: Value;
    readonly momentum: number;
  }) => void;
  /** A fixed tensor: a constant in either mode, counted but never trained. */
  readonly fixed: (name: string, value: HostTensor) => Value;
  /** Runs `body` inside a named layer. */
  readonly layer: <T>(name: string, body: () => T) => T;
  /** What has been declared so far. */
  readonly tensors: () => ModelTensors;
}

/** Parameters and buffers by name, such as `stage1.0.conv1.weight`. */
export type Weights = ReadonlyMap<string, HostTensor>;

function weightOf(weights: Weights, name: string, shape: StaticShape): HostTensor {
  const value = weights.get(name);
  if (value === undefined) throw inputError('weight is missing', { where: name });
  if (!sameShape(value.shape, shape)) {
    throw inputError('weight has another shape', {
      where: name,
      expected: `[${shape.join()}]`,
      received: `[${value.shape.join()}]`,
    });
  }
  return value;
}

/** A context for training (no weights: parameters become graph inputs) or inference (weights become constants). */
export function createLayerContext(b: Builder, weights?: Weights): LayerContext {
  const parameters: ParameterSpec[] = [];
  const buffers: BufferSpec[] = [];
  const fixed: FixedTensor[] = [];
  const updates: BufferUpdate[] = [];
  const path = (name: string): string =>
    [
      ...b
        .scope()
        .split('/')
        .filter((part) => part !== ''),
      name,
    ].join('.');
  const leaf = (name: string, shape: StaticShape): Value =>
    weights === undefined ? b.input(name, 'float32', shape) : b.named(name, weightOf(weights, name, shape));
  return Object.freeze({
    b,
    mode: weights === undefined ? 'training' : 'inference',
    parameter: (name: string, shape: StaticShape, initial: Initial, { decay }: { readonly decay: boolean }) => {
      const spec = Object.freeze({ name: path(name), shape, initial, decay });
      parameters.push(spec);
      return leaf(spec.name, shape);
    },
    buffer: (name: string, shape: StaticShape, initial: number | Float32Array) => {
      const spec = Object.freeze({ name: path(name), shape, initial });
      buffers.push(spec);
      return leaf(spec.name, shape);
    },
    updateBuffer: ({
      buffer,
      statistic,
      momentum,
    }: {
      readonly buffer: Value;
      readonly statistic: Value;
      readonly momentum: number;
    }) => {
      updates.push(Object.freeze({ buffer: buffer.name, statistic, momentum }));
    },
    fixed: (name: string, value: HostTensor) => {
      const spec = Object.freeze({ name: path(name), shape: value.shape });
      fixed.push(spec);
      return b.named(spec.name, value);
    },
    layer: <T>(name: string, body: () => T): T => b.scoped(name, body),
    tensors: () => ({ parameters: [...parameters], buffers: [...buffers], fixed: [...fixed], updates: [...updates] }),
  });
}

/** A float32 tensor filled with one number. */
export function filled(shape: StaticShape, value: number): HostTensor<'float32'> {
  return float32(shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value));
}

/** A buffer as it starts. */
export function initialBuffer({ shape, initial }: BufferSpec): HostTensor<'float32'> {
  return typeof initial === 'number' ? filled(shape, initial) : float32(shape, initial);
}
