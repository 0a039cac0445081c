import { defined, internalError, usageError } from '../core/errors.ts';
import { float32, int32, type HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/graph.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import { grownModel, type RoomToGrow } from './grow-room.ts';
import { biasName, type StoredHead } from './grow-read.ts';
import { nodesBefore, valuesBehind } from './links.ts';
import { resizedNode, resizedTypes, spliceHead } from './splice.ts';

/** What a new class gets. */
export interface NewClass {
  /** One of the unused slots of the room. */
  readonly slot: number;
  /** Its bias; without effect where the head has none. */
  readonly bias: number;
}

/** A model with one class more. */
export interface GrownGraph {
  readonly graph: Graph;
  /**
   * What became of the head.
   *
   * - `same`: nothing but its bias and the table of slots, which are one longer;
   * - `remade`: the file computed only the products with its classes' vectors and now computes those of all vectors to choose from, and
   *   looks up which are the classes': its constants have other sizes, and logits of old classes may differ in their last digit.
   */
  readonly form: 'same' | 'remade';
}

/** The bias with that of one class more. @throws an internal error for anything but float32. */
export function extendedBias(bias: HostTensor, value: number): HostTensor<'float32'> {
  if (bias.dtype !== 'float32') throw internalError('a bias is float32', { received: bias.dtype });
  return float32([bias.data.length + 1], [...bias.data, value]);
}

/** The slots among which the file's own product finds the vector of a new class; all unused ones where the head must be made anew. */
export function slotsToChooseFrom(
  { table }: Pick<StoredHead, 'table'>,
  { sameNumbers, unused }: RoomToGrow,
): Uint32Array {
  const own = table !== undefined && sameNumbers ? unused.filter((slot) => slot < table.slots) : unused;
  return own.length > 0 ? own : unused;
}

/**
 * The model of a file with one class more behind the others: the old ones keep their vectors and biases, and everything before the head is as
 * it was. The last dimension of what stands behind the head grows by one.
 *
 * @throws a usage error for a slot that is not unused.
 */
export function growGraph(stored: StoredHead, room: RoomToGrow, added: NewClass): GrownGraph {
  if (!room.unused.includes(added.slot)) {
    throw usageError('a new class takes an unused class vector', { received: `slot ${added.slot}` });
  }
  const { table } = stored;
  const fits = table !== undefined && room.sameNumbers && added.slot < table.slots;
  return fits
    ? { graph: extended(stored, table.name, added), form: 'same' }
    : { graph: remade(stored, room, added), form: 'remade' };
}

/** The same nodes and constants, but for the table of slots and the bias. */
function extended(stored: StoredHead, table: string, { slot, bias }: NewClass): Graph {
  const { graph, logits, nodes, model } = stored;
  const { classes } = model.head;
  const initializers = new Map(graph.initializers);
  const codes = defined(initializers.get(table), table);
  if (codes.dtype !== 'int32') throw internalError('slots are int32', { received: codes.dtype });
  initializers.set(table, int32([classes + 1], [...codes.data, slot]));
  const name = biasName(stored);
  if (name !== undefined) initializers.set(name, extendedBias(defined(initializers.get(name), name), bias));

  const b = createBuilder(graph.name);
  for (const input of graph.inputs) {
    const type = defined(graph.types.get(input), input);
    b.input(input, type.dtype, type.shape);
  }
  for (const [each, value] of initializers) b.named(each, value);
  // What stands before the head may have a dimension of C as well: only what depends on the logits is resized.
  const behind = valuesBehind(graph, [logits]);
  const types = resizedTypes(graph, classes, classes + 1);
  const own = new Set(nodes);
  for (const node of graph.nodes) {
    const follows = node.inputs.some((input) => behind.has(input)) || (own.has(node) && node.outputs.includes(logits));
    b.raw(follows ? resizedNode(node, classes, classes + 1) : node, follows ? types : graph.types);
  }
  for (const output of graph.outputs) b.output(b.value(output));
  return checkGraph(b.build(), 'model with one class more');
}

/** The head made anew for one class more, on the vectors that it had. */
function remade(stored: StoredHead, room: RoomToGrow, { slot, bias }: NewClass): Graph {
  const { graph, features, logits, model, weights } = stored;
  const { classes } = model.head;
  const grown = grownModel(model.backbone, model.head, room, slot);
  const own = weights.get('head.bias');
  const b = createBuilder('head');
  const c = createLayerContext(
    b,
    own === undefined ? weights : new Map([...weights, ['head.bias', extendedBias(own, bias)]]),
  );
  const batch = defined(graph.types.get(features)?.shape[0], 'batch dimension');
  b.output(grown.head.logits(c, b.input('features', 'float32', [batch, model.head.features])));

  const before = nodesBefore(graph, features);
  const upToLogits = new Set([...nodesBefore(graph, logits), ...before]);
  const behind = graph.nodes.filter((node) => !upToLogits.has(node));
  const place = { graph, initializers: graph.initializers, before, behind, features, logits, classes };
  return spliceHead({ ...place, outputs: graph.outputs }, b.build(), classes + 1);
}
