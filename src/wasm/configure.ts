import type { ResolvedDescription } from './description.ts';
import { signBytesOf, signVectors } from './diagonals.ts';
import { factorsOf } from './factors.ts';
import { setGlobals, type HeadExports } from './instance.ts';
import { createArena, type Arena } from './memory.ts';

/** Marks a slot that no class has. */
const NONE = 0xffffffff;
/** The last axis of a Kronecker product is written 16 floats at a time. */
const SLACK_BYTES = 64;

/** Class of each slot, where classes were assigned to slots. */
function classOfSlots({ codes, slots }: ResolvedDescription): Uint32Array | undefined {
  if (codes === undefined) return undefined;
  const classOf = new Uint32Array(slots).fill(NONE);
  codes.forEach((slot, index) => (classOf[slot] = index));
  return classOf;
}

function biasOfSlots({ bias, codes, slots }: ResolvedDescription): Float32Array | undefined {
  if (bias === undefined || codes === undefined) return bias;
  const inOrder = new Float32Array(slots);
  codes.forEach((slot, index) => (inOrder[slot] = bias[index] ?? 0));
  return inOrder;
}

/** For each row of each basis, 1/C for a class that has it, less 1/C for a class that has its negative. */
function meanWeights({
  centred,
  classes,
  codes,
  bases,
  order,
  firstRow,
  perBasis,
}: ResolvedDescription): Float32Array | undefined {
  if (!centred) return undefined;
  const weights = new Float32Array(bases * order);
  const rows = order - firstRow;
  for (let index = 0; index < classes; index++) {
    const slot = codes?.[index] ?? index;
    const place = slot % perBasis;
    const at = Math.floor(slot / perBasis) * order + firstRow + (place % rows);
    weights[at] = (weights[at] ?? 0) + (place < rows ? 1 : -1) / classes;
  }
  return weights;
}

/** Four words a factor: see `factors` in assembly/head.ts. */
function writeFactors(order: number, arena: Arena): { readonly address: number; readonly steps: number } {
  const factors = factorsOf(order);
  const table = factors.flatMap(({ order: size, stride, matrix, width }) => [size, stride, arena.copy(matrix), width]);
  return { address: arena.copy(new Uint32Array(table)), steps: factors.length };
}

/** Lays out the memory of an instance for a head; returns the first free address. */
export function configure(instance: HeadExports, head: ResolvedDescription): number {
  const { features, classes, order, bases, firstRow, firstColumn, antipodal, centred, scale } = head;
  const arena = createArena(instance);
  const exponent = Math.log2(order);
  const factors = writeFactors(order, arena);
  const bytes = 4 * order + SLACK_BYTES;
  setGlobals(instance, {
    features,
    order,
    exponent: Number.isInteger(exponent) ? exponent : -1,
    factors: factors.address,
    steps: factors.steps,
    // Bases behind the last class are not multiplied.
    bases: head.codes === undefined ? Math.ceil(classes / head.perBasis) : bases,
    firstRow,
    firstColumn,
    antipodal: antipodal ? 1 : 0,
    classes,
    alpha: (scale / Math.sqrt(order - firstColumn)) * (centred ? Math.sqrt(classes / (classes - 1)) : 1),
    signs: arena.copy(signVectors(head)),
    signBytes: signBytesOf(order),
    gain: arena.copy(head.gain),
    shift: arena.copy(head.shift),
    bias: arena.copy(biasOfSlots(head)),
    classOf: arena.copy(classOfSlots(head)),
    weights: arena.copy(meanWeights(head)),
    scaled: arena.reserve(bytes),
    product: arena.reserve(bytes),
    other: arena.reserve(bytes),
  });
  return arena.top();
}
