import type { SparseMatrix } from './sparse.ts';

/**
 * The shifted positive pointwise mutual information matrix `[V, V]` of co-occurrence counts #(w, c):
 *
 * M(w, c) = max(0, ln(#(w, c) / (#(w)·P_a(c))) − ln k), P_a(c) = #(c)^a / Σ_c′ #(c′)^a,
 *
 * with the marginal counts #(w) = Σ_c #(w, c) and #(c) = Σ_w #(w, c), the shift k ≥ 1 (Levy & Goldberg 2014) and the smoothing a ∈ (0, 1]
 * of the context distribution, which makes rare contexts likelier and so their information smaller (Levy, Goldberg & Dagan 2015). With a = 1, k = 1 it is
 * the positive PMI, max(0, ln(P(w, c)/(P(w)·P(c)))). Natural logarithms. Only positive entries are stored.
 */
export function shiftedPositivePmi(
  counts: SparseMatrix,
  { shift, contextSmoothing }: { readonly shift: number; readonly contextSmoothing: number },
): SparseMatrix {
  const { rows, columns, starts, columnOf, values } = counts;
  const ofWord = new Float64Array(rows);
  const ofContext = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    const end = starts[row + 1] ?? 0;
    for (let entry = starts[row] ?? 0; entry < end; entry++) {
      const count = values[entry] ?? 0;
      const column = columnOf[entry] ?? 0;
      ofWord[row] = (ofWord[row] ?? 0) + count;
      ofContext[column] = (ofContext[column] ?? 0) + count;
    }
  }
  const smoothed = ofContext.map((count) => count ** contextSmoothing);
  const total = smoothed.reduce((sum, value) => sum + value, 0);
  // The logarithm is taken apart once for each word and context; each entry then needs one.
  const contextTerm = smoothed.map((value) => Math.log(total / value));
  const information = (row: number, entry: number): number =>
    Math.fround(
      Math.log(values[entry] ?? 0) - Math.log((ofWord[row] ?? 0) * shift) + (contextTerm[columnOf[entry] ?? 0] ?? 0),
    );
  const starting = new Float64Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const end = starts[row + 1] ?? 0;
    let positive = 0;
    for (let entry = starts[row] ?? 0; entry < end; entry++) if (information(row, entry) > 0) positive++;
    starting[row + 1] = (starting[row] ?? 0) + positive;
  }
  const kept = starting[rows] ?? 0;
  const keptColumns = new Int32Array(kept);
  const keptValues = new Float32Array(kept);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const end = starts[row + 1] ?? 0;
    for (let entry = starts[row] ?? 0; entry < end; entry++) {
      const value = information(row, entry);
      if (value <= 0) continue;
      keptColumns[at] = columnOf[entry] ?? 0;
      keptValues[at++] = value;
    }
  }
  return Object.freeze({ rows, columns, starts: starting, columnOf: keptColumns, values: keptValues });
}
