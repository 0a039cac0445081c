import type { Builder, Value } from '../graph/builder.ts';
import { greater, maximum, mul, sqrt, sub } from '../graph/functions.ts';
import type { Margin } from './spec.ts';

/** Smallest sin²θ that ArcFace's square root sees: its derivative stays finite where the feature lies on its class vector. */
const SMALLEST_SQUARE = 1e-6;

/**
 * The own class's logit with a margin m, from its cosine cos θ and the scale α:
 *
 * - CosFace (Wang et al. 2018): α·(cos θ − m).
 * - ArcFace (Deng et al. 2019): α·cos(θ + m) = α·(cos θ·cos m − sin θ·sin m). Beyond θ = π − m that cosine would rise again and push
 *   the worst samples further away from their class; there it is α·(cos θ − m·sin m), which keeps falling as θ grows. At the joint the
 *   value steps down by α·(cos m + m·sin m − 1), so it falls with θ everywhere.
 */
export function marginLogit(b: Builder, { kind, value }: Margin, cosine: Value, scale: Value | number): Value {
  switch (kind) {
    case 'cosface':
      return mul(b, sub(b, cosine, value), scale);
    case 'arcface': {
      const sine = sqrt(b, maximum(b, sub(b, 1, mul(b, cosine, cosine)), SMALLEST_SQUARE));
      const turned = sub(b, mul(b, cosine, Math.cos(value)), mul(b, sine, Math.sin(value)));
      const continued = sub(b, cosine, value * Math.sin(value));
      const before = greater(b, cosine, -Math.cos(value));
      return mul(b, b.op('Where', [before, turned, continued], {}), scale);
    }
    default:
      return kind satisfies never;
  }
}
