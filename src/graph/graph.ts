import type { Shape } from '../core/shape.ts';
import type { DType, HostTensor } from '../core/tensor.ts';
import type { AttributesOf, Op } from './ops.ts';

/** Element type and shape of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A node whose operator is in the table. Inputs that are absent are `''`. */
export type OpNode<K extends Op = Op> = {
  [O in K]: {
    readonly kind: 'op';
    readonly op: O;
    /** Deterministic and unique in its graph: the path of the layer, the operator, a counter. */
    readonly name: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    readonly attributes: AttributesOf<O>;
  };
}[K];

/** An attribute of an operator outside the table, carried unchanged. */
export type ForeignAttribute =
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: Uint8Array }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'tensor'; readonly value: HostTensor }
  /** A sub-graph or another rare kind, which fixhead does not look into. */
  | { readonly kind: 'opaque'; readonly description: string };

/** A node that came from a file and that the table does not describe: carried along, never differentiated. */
export interface ForeignNode {
  readonly kind: 'foreign';
  readonly opType: string;
  readonly domain: string;
  /** The version of its domain's operator set that the node was written for. */
  readonly version: number;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, ForeignAttribute>;
}

/** A node: an operator of the table, or one that came from a file. */
export type GraphNode = OpNode | ForeignNode;

/**
 * A graph in static single assignment form: every value has one producer, nodes stand in an order in which they can run.
 * Plain frozen data; passes make new graphs.
 */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly GraphNode[];
  readonly initializers: ReadonlyMap<string, HostTensor>;
  /** Types of all values; only values produced by foreign nodes may lack one. */
  readonly types: ReadonlyMap<string, TensorType>;
}

/** The name of the node’s operator, with its domain where that is not ai.onnx. */
export function operatorName(node: GraphNode): string {
  switch (node.kind) {
    case 'op':
      return node.op;
    case 'foreign':
      return node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
    default:
      return node satisfies never;
  }
}

/** How many nodes of each operator a graph has: what tests on emitted graphs count. */
export function countOperators(graph: Graph): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const node of graph.nodes) counts.set(operatorName(node), (counts.get(operatorName(node)) ?? 0) + 1);
  return counts;
}
