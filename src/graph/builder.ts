import { defined, inputError, internalError } from '../core/errors.ts';
import { formatShape, isStatic, sameShape, type Shape } from '../core/shape.ts';
import type { DType, HostTensor } from '../core/tensor.ts';
import type { Graph, GraphNode, OpNode, TensorType } from './graph.ts';
import { definitionOf, type AttributesOf, type Op, type ops } from './ops.ts';
import { inferTypes } from './shapes.ts';

/** A value of the graph being built: a name and its type. */
export interface Value {
  readonly name: string;
  readonly type: TensorType;
}

type InputOf<Name extends string> = Name extends `${string}?` ? Value | undefined : Value;
type TupleOf<Names extends readonly string[]> = Names extends readonly [`...${string}`]
  ? readonly Value[]
  : { readonly [I in keyof Names]: InputOf<Names[I]> };
type RequiredTuple<Names extends readonly string[]> = Names extends readonly [
  ...infer Rest extends string[],
  `${string}?`,
]
  ? TupleOf<Names> | RequiredTuple<Rest>
  : TupleOf<Names>;

/** Inputs of operator K as a tuple; optional ones may be undefined or, at the end, left out. */
export type InputsOf<K extends Op> = RequiredTuple<(typeof ops)[K]['inputs']>;
type ValuesFor<Names extends readonly string[]> = Names extends readonly [`...${string}`]
  ? readonly Value[]
  : { readonly [I in keyof Names]: Value };
/** Outputs of operator K as a tuple. */
export type OutputsOf<K extends Op> = ValuesFor<(typeof ops)[K]['outputs']>;

/**
 * Builds a graph node by node; each node's types are inferred and checked as it is added.
 * The one mutable thing in the graph layer; `build` freezes what was added.
 */
export interface Builder {
  /** An input of the graph, named exactly so. */
  readonly input: (name: string, dtype: DType, shape: Shape) => Value;
  /** An initializer named in the current scope. The same tensor object is stored once. */
  readonly constant: (value: HostTensor, name?: string) => Value;
  /** An initializer of exactly this name, whatever the scope. */
  readonly named: (name: string, value: HostTensor) => Value;
  /** Adds a node of operator K and returns its outputs. */
  readonly node: <K extends Op>(op: K, inputs: InputsOf<K>, attributes: AttributesOf<K>) => OutputsOf<K>;
  /** Adds a node of operator K with one output and returns it. */
  readonly op: <K extends Op>(op: K, inputs: InputsOf<K>, attributes: AttributesOf<K>) => Value;
  /**
   * Adds a node whose operator is not known statically (passes that copy or rename nodes). Output names may be given. The results of a
   * foreign node have the types that `types` knows of; without one, no node of the table can read them.
   */
  readonly raw: (node: GraphNode, types?: ReadonlyMap<string, TensorType>) => void;
  /** Marks a value as an output of the graph; with a name, the output is called that. */
  readonly output: (value: Value, name?: string) => void;
  /** Runs `body` with names prefixed by `scope/`. */
  readonly scoped: <T>(scope: string, body: () => T) => T;
  /** The current scope: the path of the layer being built, '' at the top. */
  readonly scope: () => string;
  /** The value of that name, or an internal error. */
  readonly value: (name: string) => Value;
  /** Whether a value of that name exists. */
  readonly has: (name: string) => boolean;
  /** The tensor that a value is, if it is an initializer. */
  readonly constantOf: (value: Value) => HostTensor | undefined;
  /** What was added so far, as frozen data. */
  readonly build: () => Graph;
}

function joinPath(scope: string, name: string): string {
  return scope === '' ? name : `${scope}/${name}`;
}

/** A builder, empty or starting from what `base` holds (its outputs included). */
export function createBuilder(name: string, base?: Graph): Builder {
  const nodes: GraphNode[] = [...(base?.nodes ?? [])];
  const inputs: string[] = [...(base?.inputs ?? [])];
  const outputs: string[] = [...(base?.outputs ?? [])];
  const initializers = new Map<string, HostTensor>(base?.initializers ?? []);
  const types = new Map<string, TensorType>(base?.types ?? []);
  // Foreign nodes may define values without a type, so outputs count as names too.
  const nodeNames = new Set(nodes.flatMap((node) => [node.name, ...node.outputs]));
  const counters = new Map<string, number>();
  const constants = new Map<HostTensor, Value>();
  const scopes: string[] = [];

  const scope = (): string => scopes.join('/');

  const unique = (stem: string): string => {
    let count = counters.get(stem) ?? 0;
    let candidate = stem;
    while (types.has(candidate) || nodeNames.has(candidate)) candidate = `${stem}_${++count}`;
    counters.set(stem, count);
    return candidate;
  };

  const define = (valueName: string, type: TensorType): Value => {
    if (types.has(valueName)) throw inputError(`value ${valueName} is defined twice`, { where: `graph ${name}` });
    types.set(valueName, type);
    return Object.freeze({ name: valueName, type });
  };

  const value = (valueName: string): Value => ({
    name: valueName,
    type: defined(types.get(valueName), `value ${valueName} of graph ${name}`),
  });

  const emit = (op: Op, given: readonly (Value | undefined)[], attributes: OpNode['attributes']): readonly Value[] => {
    const stem = joinPath(scope(), op);
    const nodeName = unique(stem);
    for (const used of given) {
      if (used !== undefined && types.get(used.name) !== used.type && !types.has(used.name)) {
        throw internalError(`value ${used.name} belongs to another graph`, { where: nodeName });
      }
    }
    const resultTypes = inferTypes(
      op,
      nodeName,
      given.map((used) => used?.type),
      attributes,
    );
    nodeNames.add(nodeName);
    const results = resultTypes.map((type, index) =>
      define(index === 0 ? nodeName : unique(`${nodeName}.${index}`), type),
    );
    const names = given.map((used) => used?.name ?? '');
    while (names.at(-1) === '') names.pop();
    const node = { kind: 'op', op, name: nodeName, inputs: names, outputs: results.map((r) => r.name), attributes };
    // `op` and `attributes` come from one K; the union cannot follow that through the assignment.
    nodes.push(Object.freeze(node) as OpNode);
    return results;
  };

  return Object.freeze({
    input: (inputName: string, dtype: DType, shape: Shape) => {
      inputs.push(inputName);
      return define(inputName, Object.freeze({ dtype, shape: Object.freeze([...shape]) }));
    },
    constant: (tensorValue: HostTensor, constantName = 'constant') => {
      const known = constants.get(tensorValue);
      if (known !== undefined) return known;
      const created = define(
        unique(joinPath(scope(), constantName)),
        Object.freeze({ dtype: tensorValue.dtype, shape: tensorValue.shape }),
      );
      initializers.set(created.name, tensorValue);
      constants.set(tensorValue, created);
      return created;
    },
    named: (exactName: string, tensorValue: HostTensor) => {
      const created = define(exactName, Object.freeze({ dtype: tensorValue.dtype, shape: tensorValue.shape }));
      initializers.set(exactName, tensorValue);
      return created;
    },
    node: <K extends Op>(op: K, given: InputsOf<K>, attributes: AttributesOf<K>) =>
      emit(op, given as readonly (Value | undefined)[], attributes) as unknown as OutputsOf<K>,
    op: <K extends Op>(op: K, given: InputsOf<K>, attributes: AttributesOf<K>) => {
      const [result] = emit(op, given as readonly (Value | undefined)[], attributes);
      return defined(result, `output of ${op}`);
    },
    raw: (node: GraphNode, known?: ReadonlyMap<string, TensorType>) => {
      if (node.kind === 'op') {
        const inferred = inferTypes(
          node.op,
          node.name,
          node.inputs.map((used) => (used === '' ? undefined : value(used).type)),
          node.attributes,
        );
        node.outputs.forEach((output, index) => define(output, defined(inferred[index], `type of ${output}`)));
        if (inferred.length !== node.outputs.length)
          throw internalError(`${definitionOf(node.op).outputs.join()} expected`, { where: node.name });
      } else {
        for (const output of node.outputs) {
          const type = known?.get(output);
          if (output !== '' && type !== undefined) define(output, type);
        }
      }
      for (const taken of [node.name, ...node.outputs]) nodeNames.add(taken);
      nodes.push(node);
    },
    output: (result: Value, outputName?: string) => {
      if (outputName === undefined || outputName === result.name) {
        outputs.push(result.name);
        return;
      }
      const renamed = define(outputName, result.type);
      const node = {
        kind: 'op',
        op: 'Identity',
        name: unique(joinPath('outputs', outputName)),
        inputs: [result.name],
        outputs: [renamed.name],
        attributes: {},
      };
      nodeNames.add(node.name);
      nodes.push(Object.freeze(node) as OpNode<'Identity'>);
      outputs.push(outputName);
    },
    scoped: <T>(path: string, body: () => T): T => {
      scopes.push(path);
      try {
        return body();
      } finally {
        scopes.pop();
      }
    },
    scope,
    value,
    has: (valueName: string) => types.has(valueName),
    constantOf: (given: Value) => initializers.get(given.name),
    build: () =>
      Object.freeze({
        name,
        inputs: Object.freeze([...inputs]),
        outputs: Object.freeze([...outputs]),
        nodes: Object.freeze([...nodes]),
        initializers: new Map(initializers),
        types: new Map(types),
      }),
  });
}

/** Throws unless the value has exactly this shape. */
export function expectShape(value: Value, shape: Shape, where: string): void {
  if (!sameShape(value.type.shape, shape)) {
    throw inputError('wrong shape', { where, expected: formatShape(shape), received: formatShape(value.type.shape) });
  }
}

/** The value's shape as numbers, or an error naming the value. */
export function staticShapeOf(value: Value): readonly number[] {
  const { shape } = value.type;
  if (isStatic(shape)) return shape;
  throw inputError('shape must be known', { where: value.name, received: formatShape(shape) });
}
