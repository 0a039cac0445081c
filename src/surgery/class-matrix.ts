import type { Graph } from '../graph/graph.ts';
import type { FoundClassifier } from './found-classifier.ts';

/** The class vectors `[C, N]`, row-major, of weights that a classifier stores by rows or by columns. */
export function classRows(
  stored: Float32Array,
  { features, classes, byColumns }: Pick<FoundClassifier, 'features' | 'classes' | 'byColumns'>,
): Float32Array {
  if (!byColumns) return stored;
  const rows = new Float32Array(classes * features);
  for (let row = 0; row < classes; row++)
    for (let column = 0; column < features; column++)
      rows[row * features + column] = stored[column * classes + row] ?? 0;
  return rows;
}

/** What a found classifier computes: W·x + b. */
export interface ClassMatrix {
  /** W `[C, N]`. */
  readonly weight: Float32Array;
  /** b `[C]`, zeros where there is none. */
  readonly bias: Float32Array;
}

/** The weights of a float32 classifier that is one product; `undefined` for other types, and where a head replaces several layers. */
export function classMatrix(graph: Graph, found: FoundClassifier): ClassMatrix | undefined {
  const weight = graph.initializers.get(found.weight);
  const bias = found.bias === undefined ? undefined : graph.initializers.get(found.bias);
  if (weight?.dtype !== 'float32' || (bias !== undefined && bias.dtype !== 'float32')) return undefined;
  if (weight.data.length !== found.classes * found.features) return undefined;
  return Object.freeze({
    weight: classRows(weight.data, found).map((value) => value * found.weightFactor),
    bias: Float32Array.from({ length: found.classes }, (_, index) => (bias?.data[index] ?? 0) * found.biasFactor),
  });
}
