import { defined, inputError } from '../core/errors.ts';
import type { Dim } from '../core/shape.ts';
import type { Value } from '../graph/builder.ts';
import { flatten, reshape } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import type { Backbone } from '../heads/backbone.ts';
import type { FeatureSign } from '../heads/geometry.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { batchNorm, linear } from '../nn/layers.ts';
import { importedParameters, trainedParameters, type TrainChoice } from './blocks.ts';
import { bodyOf, laidOut } from './body.ts';
import { copyNodes, namingIn, withoutSlash } from './copy.ts';
import type { Cut } from './cut.ts';
import type { ImportedParameter } from './parameters.ts';
import { signOf } from './sign.ts';
import { unsupportedOnPath, unsupportedText } from './unsupported.ts';

/** How a read model is used as a backbone. */
export interface ImportOptions {
  readonly name: string;
  readonly train: TrainChoice;
  /** N of a small trained layer between the model's features and the head: linear, then BatchNorm. None by default. */
  readonly adapter?: number;
  /** Whether the model's features can be negative, where that is known better than the graph tells. */
  readonly sign?: FeatureSign;
}

/** A model that was read from a file, without its classifier, as a backbone. */
export interface ImportedBackbone extends Backbone {
  readonly cut: Cut;
  /** The parameters of the file that are trained; in checkpoints they are called {@link importedName}. */
  readonly trained: readonly ImportedParameter[];
  /** What stands between the model's features `[batch, N]` and the head: the adapter, or nothing. */
  readonly adapt: (c: LayerContext, features: Value) => Value;
}

/** The layer in which a read model's parameters have their names. */
const SCOPE = 'backbone';

/** What a parameter of a read model is called in checkpoints: `backbone.layer4.1.conv2.weight`. */
export function importedName({ key }: Pick<ImportedParameter, 'key'>): string {
  return `${SCOPE}.${key}`;
}

/**
 * The layers before a model's classifier as a backbone: its graph is bound to the batch and copied, trained initializers become parameters
 * that start with the file's values, all others are constants. BatchNormalization keeps the running statistics of the file, as is usual
 * when a trained model is fine-tuned on little data; its scale and bias are trained.
 *
 * Features are as the model has them, or signed and `adapter` many where an adapter follows.
 *
 * @throws an input error that names every node on the way from the trained parameters to the features that has no gradient; a usage error
 * for more blocks than the model has.
 */
export function importedBackbone(cut: Cut, options: ImportOptions): ImportedBackbone {
  const { name, train, adapter } = options;
  const trained = Object.freeze([...trainedParameters(cut, train)]);
  const unsupported = unsupportedOnPath(cut, train);
  if (unsupported.length > 0) {
    throw inputError(
      `no gradient through ${unsupported.length} of the nodes between the trained layers and the features`,
      {
        where: name,
        received: unsupportedText(unsupported),
        hint: 'train only the last blocks, behind these nodes, or the head alone',
      },
    );
  }
  const keys = new Map(importedParameters(cut).map((parameter) => [parameter.name, parameter]));
  const trainedNames = new Set(trained.map((parameter) => parameter.name));
  const bodies = new Map<Dim, Graph>();
  const bodyFor = (batch: Dim): Graph => {
    const known = bodies.get(batch);
    if (known !== undefined) return known;
    const made = bodyOf(cut, trained, batch);
    bodies.set(batch, made);
    return made;
  };

  const adapt = (c: LayerContext, features: Value): Value =>
    adapter === undefined
      ? features
      : c.layer('adapter', () => {
          const hidden = linear(c, 'fc', features, adapter, { bias: false });
          return flatten(c.b, batchNorm(c, 'bn', reshape(c.b, hidden, [-1, adapter, 1, 1])));
        });

  const features = (c: LayerContext, images: Value): Value =>
    c.layer(SCOPE, () => {
      const body = bodyFor(defined(images.type.shape[0], 'batch dimension'));
      const naming = namingIn(c.b);
      naming.place(cut.input, laidOut(c.b, images, cut.layout).name);
      for (const parameter of trained) {
        const { key, shape, decay } = parameter;
        const given = cut.graph.initializers.get(parameter.name);
        if (given?.dtype !== 'float32') continue;
        const value = c.parameter(key, shape, { kind: 'given', values: given.data }, { decay });
        naming.place(parameter.name, value.name);
      }
      for (const [constant, value] of body.initializers) {
        const frozen = trainedNames.has(constant) ? undefined : keys.get(constant);
        const placed = frozen === undefined ? c.b.constant(value, withoutSlash(constant)) : c.fixed(frozen.key, value);
        naming.place(constant, placed.name);
      }
      copyNodes(c.b, body, body.nodes, { naming, rename: (each) => `${SCOPE}/${withoutSlash(each)}` });
      return c.b.value(naming.of(cut.features));
    });

  return Object.freeze({
    name,
    image: cut.image,
    features: adapter ?? cut.classifier.features,
    sign: adapter !== undefined ? 'signed' : (options.sign ?? signOf(cut.graph, cut.features)),
    forward: (c: LayerContext, images: Value) => adapt(c, features(c, images)),
    cut,
    trained,
    adapt,
  });
}

/** Whether a backbone came from a file. */
export function isImported(backbone: Backbone): backbone is ImportedBackbone {
  return 'cut' in backbone && 'adapt' in backbone;
}
