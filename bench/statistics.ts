/** The q-quantile of `values` by linear interpolation; `null` of nothing. */
export function quantile(values: readonly number[], q: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const place = q * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return null;
  return below + (above - below) * (place - Math.floor(place));
}

export const median = (values: readonly number[]): number | null => quantile(values, 0.5);

/** a / b, or `null` where one of them is unknown. */
export function ratioOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a / b;
}

/** Medians of two contenders that ran in the same rounds, and their ratio with its quartiles over the rounds. */
export function compareRounds(ours: readonly number[], peer: readonly number[]) {
  const paired = ours.flatMap((time, round) => {
    const other = peer[round];
    return other === undefined ? [] : [time / other];
  });
  return {
    ours: median(ours),
    peer: median(peer),
    ratio: ratioOf(median(ours), median(peer)),
    ratioLow: quantile(paired, 0.25),
    ratioHigh: quantile(paired, 0.75),
  };
}
