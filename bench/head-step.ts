import { gradients } from '../src/autodiff/gradients.ts';
import { defined } from '../src/core/errors.ts';
import { createBuilder } from '../src/graph/builder.ts';
import type { Graph } from '../src/graph/graph.ts';
import { createHead, headSpec } from '../src/heads/index.ts';
import type { StepFeeds } from '../src/heads/sampled-softmax.ts';
import type { SoftmaxSpec } from '../src/heads/softmax.ts';
import { createLayerContext } from '../src/nn/layer-context.ts';
import { applyOptimizer, sgd } from '../src/optim/optimizer.ts';

export interface HeadStepOptions {
  readonly features: number;
  readonly classes: number;
  readonly batch: number;
  readonly softmax: SoftmaxSpec;
  /** Whether there is a bias, whose gradient then is an output too (default: no). */
  readonly bias?: boolean;
}

/** Where the outputs that replace α and its momentum go in again. */
export const HEAD_STATE = { 'next/scale': 'head.scale', 'next/momentum': 'momentum' } as const;

/**
 * One training step of a Hadamard head alone: from features, labels, α and its momentum to the loss, the number of right answers, the
 * gradient that goes on to the backbone, and α and its momentum after SGD.
 */
export function headStepGraph({ features, classes, batch, softmax, bias = false }: HeadStepOptions): {
  readonly graph: Graph;
  readonly feeds: StepFeeds;
} {
  const head = createHead(headSpec('hadamard', { bias }), { classes, features, sign: 'signed' });
  const forward = createBuilder('head step');
  const c = createLayerContext(forward);
  const x = forward.input('features', 'float32', [batch, features]);
  const labels = forward.input('labels', 'int32', [batch]);
  const { loss, correct, feeds } = head.objective(c, x, labels, { labelSmoothing: 0, softmax });
  forward.output(loss, 'loss');
  forward.output(correct, 'correct');
  const step = gradients(forward.build(), {
    loss: 'loss',
    wrt: ['features', 'head.scale', ...(bias ? ['head.bias'] : [])],
  });
  const b = createBuilder('head step', step.graph);
  const gradientOf = (name: string) => b.value(defined(step.gradients.get(name), name));
  b.output(gradientOf('features'), 'feature_gradient');
  if (bias) b.output(gradientOf('head.bias'), 'bias_gradient');
  const update = applyOptimizer(b, sgd({ momentum: 0.9 }), {
    parameters: b.value('head.scale'),
    gradient: gradientOf('head.scale'),
    slots: [b.input('momentum', 'float32', [1])],
    scalars: () => b.input('learning_rate', 'float32', []),
    decay: false,
  });
  b.output(update.parameters, 'next/scale');
  b.output(defined(update.slots[0], 'momentum'), 'next/momentum');
  return { graph: b.build(), feeds: feeds ?? (() => ({})) };
}
