/**
 * How a training step computes the softmax over its classes.
 *
 * - `full`: all logits `[batch, C]` at once.
 * - `streaming`: block by block of class vectors, never holding `[batch, C]`; the same loss and gradients to float rounding.
 * - `sampled`: the true class against the classes of `bases` random bases of the geometry, drawn anew at each step: an
 *   estimate, not the exact loss.
 * - `auto`: `full` where the logits are small, else `streaming`.
 */
export type SoftmaxSpec =
  | { readonly kind: 'auto' }
  | { readonly kind: 'full' }
  | { readonly kind: 'streaming' }
  | { readonly kind: 'sampled'; readonly bases: number };
