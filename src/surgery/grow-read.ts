import { defined, inputError } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph, GraphNode } from '../graph/graph.ts';
import { eliminateDeadNodes } from '../graph/passes.ts';
import { flatten } from '../graph/functions.ts';
import { slotTableName } from '../heads/assigned.ts';
import type { FeatureSign } from '../heads/geometry.ts';
import { logScaleParameter, scaleParameter } from '../heads/head.ts';
import type { Model } from '../heads/model.ts';
import type { HeadSpec } from '../heads/spec.ts';
import { storedModel } from '../heads/stored-model.ts';
import { createLayerContext, type Weights } from '../nn/layer-context.ts';
import { checkGrows } from './grow-room.ts';

/** The head of a file that fixhead wrote, found again. */
export interface StoredHead {
  readonly graph: Graph;
  /** The value `[batch, N]` that enters the head. */
  readonly features: string;
  /** The scores that leave it, `[batch, C]`, or with dimensions of 1 behind. */
  readonly logits: string;
  readonly nodes: readonly GraphNode[];
  /** The head on a backbone that stands for all that comes before. */
  readonly model: Model;
  /** Scale, bias and statistics of the head by checkpoint key. */
  readonly weights: Weights;
  /** Where classes were assigned to vectors: the constant with the slot of each class, and how many slots the file computes. */
  readonly table: { readonly name: string; readonly slots: number } | undefined;
}

/** Nodes of a head are called so; its parameters `head.…`. */
const nodePrefix = 'head/';

/** The place of a head's parameter in the file; a name that the rest of the model had already got a number behind it. */
function storedUnder(key: string, names: Iterable<string>): string | undefined {
  const numbered = `${key}_`;
  for (const name of names) {
    if (name === key || (name.startsWith(numbered) && /^\d+$/.test(name.slice(numbered.length)))) return name;
  }
  return undefined;
}

/** The one value that nodes take from outside, and the one that they give. */
function endsOf(graph: Graph, nodes: readonly GraphNode[]): { features: string; logits: string } | undefined {
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const entering = new Set(nodes.flatMap((node) => node.inputs).filter((name) => name !== '' && !made.has(name)));
  const own = new Set<GraphNode>(nodes);
  const outside = graph.nodes.filter((node) => !own.has(node)).flatMap((node) => node.inputs);
  const leaving = new Set([...outside, ...graph.outputs].filter((name) => made.has(name)));
  const data = [...entering].filter((name) => !graph.initializers.has(name));
  const [features, logits] = [data[0], [...leaving][0]];
  return data.length === 1 && leaving.size === 1 && features !== undefined && logits !== undefined
    ? { features, logits }
    : undefined;
}

/** What the head of a file is, as its metadata says. */
export interface StoredHeadFacts {
  readonly spec: HeadSpec;
  readonly sign: FeatureSign;
  /** The file, for errors. */
  readonly where: string;
}

/**
 * Finds the head in a graph that fixhead wrote.
 *
 * @throws an input error where the graph does not hold the head that its file names; a usage error for a head that cannot grow.
 */
export function readHead(graph: Graph, { spec, sign, where }: StoredHeadFacts): StoredHead {
  const nodes = graph.nodes.filter(({ name }) => name.startsWith(nodePrefix));
  const ends = endsOf(graph, nodes);
  const features = graph.types.get(ends?.features ?? '')?.shape[1];
  const classes = graph.types.get(ends?.logits ?? '')?.shape[1];
  if (ends === undefined || typeof features !== 'number' || typeof classes !== 'number') {
    throw inputError('the file names a head but does not hold it as fixhead writes it', {
      where,
      expected: `nodes called ${nodePrefix}… between one value and the logits`,
      hint: 'write it again with fixhead export',
    });
  }
  checkGrows(spec);
  const table = tableOf(graph, nodes);
  const codes = table === undefined ? undefined : graph.initializers.get(table.name);
  const model = storedModel(spec, { features, classes, sign }, codes);
  return Object.freeze({ graph, ...ends, nodes, model, weights: weightsOf(graph, nodes), table });
}

function tableOf({ initializers, types }: Graph, nodes: readonly GraphNode[]): StoredHead['table'] {
  for (const node of nodes) {
    const [data = '', name = ''] = node.inputs;
    if (!name.endsWith(slotTableName) || !initializers.has(name)) continue;
    const slots = types.get(data)?.shape[1];
    if (typeof slots === 'number') return Object.freeze({ name, slots });
  }
  return undefined;
}

const parameterKeys = [scaleParameter, logScaleParameter, 'head.bias', 'head.running_mean', 'head.running_var'];

function weightsOf({ initializers }: Graph, nodes: readonly GraphNode[]): Weights {
  const used = new Set(nodes.flatMap((node) => node.inputs).filter((name) => initializers.has(name)));
  const weights = new Map<string, HostTensor>();
  for (const key of parameterKeys) {
    const value = initializers.get(storedUnder(key, used) ?? '');
    if (value !== undefined) weights.set(key, value);
  }
  return weights;
}

/** What the head's bias is called in the file; `undefined` where it has none. */
export function biasName({ graph, nodes }: Pick<StoredHead, 'graph' | 'nodes'>): string | undefined {
  const used = new Set(nodes.flatMap((node) => node.inputs).filter((name) => graph.initializers.has(name)));
  return storedUnder('head.bias', used);
}

/** α: what cosines are multiplied by. */
export function scaleIn({ model, weights }: Pick<StoredHead, 'model' | 'weights'>): number {
  const { scale } = model.head.spec;
  if (scale !== 'learned') return scale;
  const plain = weights.get(scaleParameter);
  const value = defined(plain ?? weights.get(logScaleParameter), 'the scale of the head').data[0];
  return plain === undefined ? Math.exp(Number(value)) : Number(value);
}

/** A model that gives what a new class is chosen by. */
export interface ProbeGraph {
  readonly graph: Graph;
  /** The output `[batch, N]` of length 1, as the head multiplies its vectors by. */
  readonly features: string;
  /** The output `[batch, C]`, before anything that stands behind the head. */
  readonly logits: string;
}

/** The names of the probe's own nodes and constants, which no model of ours has. */
const PROBE = 'grow-probe';

/** The model with its inputs, giving the features that its head takes and the logits that it gives. */
export function probeGraph({ graph, features, logits, model, weights }: StoredHead): ProbeGraph {
  const b = createBuilder(graph.name, { ...graph, outputs: [] });
  const own = new Map([...weights].map(([name, value]) => [`${PROBE}.${name}`, value] as const));
  const c = createLayerContext(b, own);
  return b.scoped(PROBE, () => {
    const unit = model.head.unit(c, b.value(features));
    const given = b.value(logits);
    const scores = given.type.shape.length === 2 ? given : flatten(b, given);
    b.output(unit);
    b.output(scores);
    const probe = checkGraph(eliminateDeadNodes(b.build()), 'model with its features');
    return Object.freeze({ graph: probe, features: unit.name, logits: scores.name });
  });
}
