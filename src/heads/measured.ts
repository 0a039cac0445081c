import { measuredCoherence, vectorsOf, type Geometry } from './geometry.ts';

/** Above this many multiply-adds, measuring all pairs would make somebody wait: about half a second. */
const LARGEST_MEASUREMENT = 5e8;

/**
 * The largest |cos| between two of these vectors that are not antipodal, measured when it is first asked for; where there are too many
 * pairs, what `otherwise` promises. The measurement is rounded up by float32's rounding of the vectors.
 */
export function measuredOnce(
  vectors: Pick<Geometry, 'classes' | 'features' | 'vector'>,
  otherwise: () => number,
): () => number {
  const { classes, features } = vectors;
  let known: number | undefined;
  return () =>
    (known ??=
      (classes * classes * features) / 2 <= LARGEST_MEASUREMENT
        ? measuredCoherence(vectorsOf(vectors), features)
        : otherwise());
}
