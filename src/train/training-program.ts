import { usageError } from '../core/errors.ts';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import type { Distillation } from '../heads/distillation.ts';
import type { Model } from '../heads/model.ts';
import type { SoftmaxSpec } from '../heads/softmax.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import { scaledLoss } from './loss-scaling.ts';
import { stepProgram, type ForwardPass, type TrainingProgram, type UpdateOptions } from './step-program.ts';

/** What a training step depends on besides the model; a `Recipe` has all of it. */
export interface ProgramOptions extends UpdateOptions {
  readonly batchSize: number;
  readonly labelSmoothing: number;
  readonly softmax?: SoftmaxSpec;
  /** A trained model whose answers on the same images are learned. */
  readonly teacher?: Teacher;
}

/** A trained model as a teacher: its weights are constants of the training graph. */
export interface Teacher extends Distillation {
  /** Logits `[batch, classes]` of normalised images `[batch, channels, height, width]`. */
  readonly logits: (b: Builder, images: Value) => Value;
}

/** Forward pass, loss and the number of correct answers; parameters are graph inputs. `minimized` is the loss or a multiple of it. */
function forwardPass(model: Model, options: ProgramOptions): ForwardPass {
  const { batchSize, labelSmoothing, softmax = { kind: 'auto' }, teacher } = options;
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', [batchSize, channels, height, width]);
  const labels = b.input('labels', 'int32', [batchSize]);
  const c = createLayerContext(b);
  const features = model.backbone.forward(c, images);
  const taught =
    teacher === undefined
      ? {}
      : { teacher: { ...teacher, logits: b.scoped('teacher', () => teacher.logits(b, images)) } };
  const { loss, correct, scale, feeds } = model.head.objective(c, features, labels, {
    labelSmoothing,
    softmax,
    ...taught,
  });
  b.output(loss, 'loss');
  b.output(correct, 'correct');
  if (scale !== undefined) b.output(scale, 'scale');
  const minimized =
    options.precision === 'mixed' ? b.scoped('scaled', () => scaledLoss(b, b.value('loss'))).name : 'loss';
  return { graph: b.build(), minimized, tensors: c.tensors(), feeds: feeds ?? (() => ({})) };
}

/**
 * The training step of an image classifier. It reads `images` `[batch, c, h, w]` and int32 `labels` `[batch]`, and gives `loss` [],
 * `correct` [] and, where it is learned, `scale` [1] (before the update).
 *
 * @throws a usage error for label smoothing with the cosine loss.
 */
export function trainingProgram(model: Model, options: ProgramOptions): TrainingProgram {
  if (options.labelSmoothing > 0 && model.head.spec.loss === 'cosine') {
    throw usageError('label smoothing changes targets of a softmax, and the cosine loss has none', {
      where: `head ${model.head.name}`,
      hint: 'set label smoothing to 0 or use the cross-entropy loss',
    });
  }
  return stepProgram(forwardPass(model, options), options);
}
