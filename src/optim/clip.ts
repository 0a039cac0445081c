import type { Builder, Value } from '../graph/builder.ts';
import { add, div, minimum, mul, reduceSum, sqrt } from '../graph/functions.ts';

/**
 * Gradient clipping by global norm: every gradient times min(1, c/(‖g‖ + 1e-6)), ‖g‖ the norm over all of them together
 * (Pascanu et al. 2013; the 1e-6 is PyTorch's `clip_grad_norm_`).
 */
export function clipByGlobalNorm(b: Builder, gradients: readonly Value[], maxNorm: number): readonly Value[] {
  const squares = gradients.map((gradient) => reduceSum(b, mul(b, gradient, gradient), [0]));
  const [first, ...rest] = squares;
  if (first === undefined) return gradients;
  const norm = sqrt(
    b,
    rest.reduce((sum, square) => add(b, sum, square), first),
  );
  const factor = minimum(b, div(b, maxNorm, add(b, norm, 1e-6)), 1);
  return gradients.map((gradient) => mul(b, gradient, factor));
}
