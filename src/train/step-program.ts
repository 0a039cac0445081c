import { gradients } from '../autodiff/gradients.ts';
import { defined, internalError } from '../core/errors.ts';
import { sizeOf, type StaticShape } from '../core/shape.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { createBuilder, type Value } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { where } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import type { StepFeeds } from '../heads/sampled-softmax.ts';
import type { Precision } from '../lowering/lower.ts';
import { filled, initialBuffer, type ModelTensors } from '../nn/layer-context.ts';
import { initialValues } from '../nn/parameters.ts';
import { clipByGlobalNorm } from '../optim/clip.ts';
import { applyOptimizer, slotNames, stepScalars, type OptimizerSpec } from '../optim/optimizer.ts';
import { groupsOf, lengthOf, pack, unpack, updatedBuffers } from './flat-vectors.ts';
import { firstLossScale, lossScalingParts, nextLossScaling, unscaled, type Unscaled } from './loss-scaling.ts';

/**
 * One flat vector of training state. Keeping parameters in a few long vectors, not one tensor each, makes an update a handful of
 * vector operators and a step's transfers few; a group holds either parameters that decay or parameters that do not.
 */
export interface StateVector {
  /** Name of the graph input; the output that replaces it is `next/` + this. */
  readonly input: string;
  readonly length: number;
  /** The tensors it holds, in order, by checkpoint key. */
  readonly parts: readonly { readonly key: string; readonly shape: StaticShape }[];
}

/** One training step as a graph, and how its state vectors map to named tensors. */
export interface TrainingProgram {
  /** Macro operators included: to be lowered. */
  readonly graph: Graph;
  readonly tensors: ModelTensors;
  readonly state: readonly StateVector[];
  /** Float scalars to feed at each step, besides what the forward pass reads: images and labels, or words. */
  readonly scalars: (step: number, learningRate: number) => Readonly<Record<string, number>>;
  /** What else to feed at each step: what a sampled softmax draws, a pure function of seed and step. Usually nothing. */
  readonly feeds: StepFeeds;
  /**
   * Outputs besides the state: those of the forward pass (`loss` [] first); in mixed precision `skipped` [1], the number of steps so far whose gradients were not finite and that changed nothing.
   */
  readonly outputs: readonly string[];
  /** Whether the lowering is to keep only some activations and compute the others again. */
  readonly checkpoint: boolean;
  /** How the lowering is to compute it. */
  readonly precision: Precision;
}

/** How a training step updates what it trains, whatever it trains. */
export interface UpdateOptions {
  readonly optimizer: OptimizerSpec;
  /** Largest global norm of the gradients; `null` leaves them as they are. */
  readonly clipNorm: number | null;
  /** Compute activations again in the backward pass instead of keeping them all (default: keep them). */
  readonly checkpointActivations?: boolean;
  /** Default: `float32`. */
  readonly precision?: Precision;
}

/** A forward pass to be trained: a graph whose parameters and buffers are inputs of those names. */
export interface ForwardPass {
  /** Its outputs are kept; one is the scalar `loss`. */
  readonly graph: Graph;
  /** The scalar value to minimise: `loss` unless given (a multiple of it, in mixed precision). */
  readonly minimized?: string;
  readonly tensors: ModelTensors;
  readonly feeds: StepFeeds;
}

const nextName = (input: string): string => `next/${input}`;

/**
 * The graph of one training step: forward pass, loss, gradients of every trained parameter, update of parameters, optimiser
 * state and buffers. Nothing in it depends on the data, so one graph serves the whole run.
 */
export function stepProgram(pass: ForwardPass, options: UpdateOptions): TrainingProgram {
  const { optimizer } = options;
  const { graph: forward, tensors, feeds } = pass;
  const minimized = pass.minimized ?? 'loss';
  const names = tensors.parameters.map(({ name }) => name);
  const { graph: backward, gradients: gradientOf } = gradients(forward, { loss: minimized, wrt: names });

  const b = createBuilder(`${forward.name}-step`);
  const state: StateVector[] = [];
  const stateInput = (input: string, parts: StateVector['parts']): Value => {
    state.push({ input, length: lengthOf(parts), parts });
    return b.input(input, 'float32', [lengthOf(parts)]);
  };
  // Parameters and buffers come out of the state.
  const mixed = options.precision === 'mixed';
  const scalingParts = mixed ? lossScalingParts : [];
  const held = new Set([...tensors.parameters, ...tensors.buffers, ...scalingParts].map(({ name }) => name));
  for (const name of forward.inputs.filter((input) => !held.has(input))) {
    const type = defined(forward.types.get(name), name);
    b.input(name, type.dtype, type.shape);
  }
  const scalarNames = Object.keys(stepScalars(optimizer, 1, 1));
  for (const name of scalarNames) b.input(name, 'float32', []);

  const groups = groupsOf(tensors.parameters).map((group) => {
    const parts = group.parameters.map(({ name, shape }) => ({ key: name, shape }));
    const parameters = stateInput(`parameters/${group.name}`, parts);
    const slots = slotNames(optimizer).map((slot) =>
      stateInput(
        `${slot}/${group.name}`,
        parts.map(({ key, shape }) => ({ key: `${slot}/${key}`, shape })),
      ),
    );
    return { ...group, flat: parameters, slots };
  });
  const buffers =
    tensors.buffers.length === 0
      ? undefined
      : stateInput(
          'buffers',
          tensors.buffers.map(({ name, shape }) => ({ key: name, shape })),
        );
  const scaling = mixed
    ? stateInput(
        'loss_scaling',
        scalingParts.map(({ name, shape }) => ({ key: name, shape })),
      )
    : undefined;

  for (const group of groups) unpack(b, group.flat, group.parameters);
  if (scaling !== undefined) unpack(b, scaling, scalingParts);
  // Running statistics are only written in training; what a model carries from step to step is read too.
  const read = new Set(forward.nodes.flatMap(({ inputs }) => inputs));
  if (buffers !== undefined && tensors.buffers.some(({ name }) => read.has(name))) unpack(b, buffers, tensors.buffers);
  for (const [name, value] of backward.initializers) b.named(name, value);
  for (const node of backward.nodes) b.raw(node, backward.types);

  // Gradients are gathered at the end in forward order: the runtime orders nodes by depth-first search from the last one, so
  // each weight gradient then runs beside its layer's backward pass and its operands are freed early.
  b.scoped('update', () => {
    const packed = groups.map(({ parameters }) =>
      pack(
        b,
        parameters.map(({ name }) => b.value(defined(gradientOf.get(name), `gradient of ${name}`))),
      ),
    );
    const checked: Partial<Unscaled> = mixed ? unscaled(b, packed) : {};
    const { gradients: whole = packed, finite } = checked;
    const clipped = options.clipNorm === null ? whole : clipByGlobalNorm(b, whole, options.clipNorm);
    const outputs: [Value, Value][] = [];
    groups.forEach((group, index) => {
      const gradient = defined(clipped[index], `gradient of ${group.name}`);
      const request = { parameters: group.flat, gradient, slots: group.slots, scalars: b.value, decay: group.decay };
      const updated = applyOptimizer(b, optimizer, request);
      outputs.push([group.flat, updated.parameters]);
      group.slots.forEach((slot, position) => outputs.push([slot, defined(updated.slots[position], slot.name)]));
    });
    if (buffers !== undefined) outputs.push([buffers, updatedBuffers(b, buffers, tensors)]);
    // A skipped step changes nothing, not even by rounding.
    for (const [input, value] of outputs)
      b.output(finite === undefined ? value : where(b, finite, value, input), nextName(input.name));
    if (scaling === undefined || finite === undefined) return;
    const { parts, skipped } = nextLossScaling(b, finite);
    b.output(parts, nextName(scaling.name));
    b.output(skipped, 'skipped');
  });
  for (const name of forward.outputs) b.output(b.value(name), name);
  const outputs = mixed ? [...forward.outputs, 'skipped'] : forward.outputs;
  return Object.freeze({
    graph: checkGraph(b.build(), 'training program'),
    tensors,
    state,
    scalars: (step: number, learningRate: number) => stepScalars(optimizer, step, learningRate),
    feeds,
    outputs,
    checkpoint: options.checkpointActivations === true,
    precision: options.precision ?? 'float32',
  });
}

/** All tensors of a run by checkpoint key, as they start: parameters by their initialisers, the rest of the state at zero. */
export function initialTensors(program: TrainingProgram, seed: number): ReadonlyMap<string, HostTensor> {
  const known = new Map<string, HostTensor>();
  for (const spec of program.tensors.parameters) known.set(spec.name, float32(spec.shape, initialValues(spec, seed)));
  for (const spec of program.tensors.buffers) known.set(spec.name, initialBuffer(spec));
  if (program.precision === 'mixed') known.set(...firstLossScale);
  for (const vector of program.state) {
    for (const { key, shape } of vector.parts) {
      if (!known.has(key)) known.set(key, filled(shape, 0));
    }
  }
  return known;
}

/** Flat state vectors by graph input, from tensors by checkpoint key. */
export function packState(
  program: TrainingProgram,
  tensors: ReadonlyMap<string, HostTensor>,
): Readonly<Record<string, HostTensor>> {
  return Object.fromEntries(
    program.state.map((vector) => {
      const flat = new Float32Array(vector.length);
      let offset = 0;
      for (const { key, shape } of vector.parts) {
        const part = defined(tensors.get(key), `tensor ${key}`);
        if (part.dtype !== 'float32')
          throw internalError('training state is float32', { where: key, received: part.dtype });
        flat.set(part.data, offset);
        offset += sizeOf(shape);
      }
      return [vector.input, float32([vector.length], flat)];
    }),
  );
}

/** The inverse of `packState`. */
export function unpackState(
  program: TrainingProgram,
  state: Readonly<Record<string, HostTensor>>,
): ReadonlyMap<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  for (const vector of program.state) {
    const flat = defined(state[vector.input], `state ${vector.input}`);
    if (flat.dtype !== 'float32')
      throw internalError('training state is float32', { where: vector.input, received: flat.dtype });
    let offset = 0;
    for (const { key, shape } of vector.parts) {
      tensors.set(key, float32(shape, flat.data.slice(offset, offset + sizeOf(shape))));
      offset += sizeOf(shape);
    }
  }
  return tensors;
}

/** Names of state outputs for a stateful session. */
export function stateBindings(program: TrainingProgram, initial: Readonly<Record<string, HostTensor>>) {
  return program.state.map(({ input }) => ({
    input,
    output: nextName(input),
    initial: defined(initial[input], input),
  }));
}
