import { createBuilder, type Builder, type InputsOf, type Value } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { isOp, ops, type Op } from '../../src/graph/ops.ts';
import { randomStream } from '../../src/core/random.ts';
import type { NdArray } from '../reference/array.ts';
import type { CasesOf, CaseTable, OpCase } from './case.ts';
import { elementwiseCases } from './cases/elementwise.ts';
import { imageCases } from './cases/images.ts';
import { blockedCases, macroCases } from './cases/macros.ts';
import { movementCases } from './cases/movement.ts';
import { normalizationCases } from './cases/normalization.ts';
import { productCases } from './cases/products.ts';
import { reductionCases } from './cases/reductions.ts';

/** Cases of every operator: a new operator does not compile until it has some. */
export const cases: CaseTable<Op> = {
  ...elementwiseCases,
  ...productCases,
  ...movementCases,
  ...reductionCases,
  ...imageCases,
  ...normalizationCases,
  ...macroCases,
  ...blockedCases,
};

export const allOps: readonly Op[] = Object.keys(ops).filter(isOp);

/** A case made concrete: a builder that holds the operator's inputs and outputs, and values for the inputs. */
export interface BuiltCase {
  readonly op: Op;
  readonly name: string;
  readonly builder: Builder;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Names of the float inputs that have a gradient. */
  readonly differentiable: readonly string[];
  /** Number of leading outputs that a loss may use. */
  readonly usable: number;
  readonly feeds: ReadonlyMap<string, NdArray>;
}

function build<K extends Op>(op: K, one: OpCase<K>, seed: number): BuiltCase {
  const builder = createBuilder(`${op} ${one.name}`);
  const feeds = new Map<string, NdArray>();
  const given = one.inputs.map((input, index) => {
    if (input === undefined) return undefined;
    const name = `input${index}`;
    feeds.set(name, input.draw(randomStream(seed, op, one.name, index)));
    return builder.input(name, input.dtype, input.shape);
  });
  const differentiable = one.inputs.flatMap((input, index) =>
    input?.dtype === 'float32' && input.constant !== true && one.forwardOnly !== true ? [`input${index}`] : [],
  );
  // A case lists inputs in the operator's order; the tuple type of a generic operator cannot be stated for it.
  const outputs = builder.node(op, given as unknown as InputsOf<K>, one.attributes) as readonly Value[];
  return {
    op,
    name: one.name,
    builder,
    inputs: given.filter((value) => value !== undefined),
    outputs,
    differentiable,
    usable: one.outputs ?? outputs.length,
    feeds,
  };
}

function forwardOnly<K extends Op>(entry: CasesOf<K>): entry is Extract<CasesOf<K>, { noGradient: string }> {
  return 'noGradient' in entry;
}

function buildAll<K extends Op>(op: K, entry: CasesOf<K>, seed: number): readonly BuiltCase[] {
  const list: readonly OpCase<K>[] = forwardOnly(entry) ? entry.forward : entry;
  return list.map((one) => build(op, one, seed));
}

/** The cases of an operator with values drawn for a seed; each has a builder of its own. */
export function casesOf(op: Op, seed: number): readonly BuiltCase[] {
  return buildAll(op, cases[op], seed);
}

/** Whether the table says that the operator has a gradient. */
export function hasGradient(op: Op): boolean {
  return !('noGradient' in cases[op]);
}

/** The graph of a case with all of the operator's outputs. */
export function graphOf({ builder, outputs }: BuiltCase): Graph {
  for (const output of outputs) builder.output(output);
  return builder.build();
}
