import { inputError, internalError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { Model } from '../heads/model.ts';
import { createLayerContext, type Weights } from '../nn/layer-context.ts';
import { importedName, isImported, type ImportedBackbone } from './backbone.ts';
import type { Cut } from './cut.ts';
import { nodesBefore } from './links.ts';
import { spliceHead } from './splice.ts';

/** Adapter and head alone: the model's features `[batch, N]` to logits `[batch, C]`. */
function headGraph(cut: Cut, model: Model, backbone: ImportedBackbone, weights: Weights): Graph {
  const b = createBuilder('head');
  const c = createLayerContext(b, weights);
  const features = b.input('features', 'float32', [cut.batch, cut.classifier.features]);
  b.output(model.head.logits(c, backbone.adapt(c, features)));
  return b.build();
}

/** The model's initializers, with what was trained in the place of what the file had. */
function trainedInitializers(cut: Cut, backbone: ImportedBackbone, weights: Weights): ReadonlyMap<string, HostTensor> {
  const changed = new Map(cut.graph.initializers);
  for (const parameter of backbone.trained) {
    const name = importedName(parameter);
    const value = weights.get(name);
    if (value === undefined) throw inputError('weight is missing', { where: name });
    if (!sameShape(value.shape, parameter.shape) || value.dtype !== 'float32') {
      throw inputError('weight has another shape', {
        where: name,
        expected: `float32${formatShape(parameter.shape)}`,
        received: `${value.dtype}${formatShape(value.shape)}`,
      });
    }
    changed.set(parameter.name, value);
  }
  return changed;
}

/**
 * The model with a trained head in the place of its classifier, in standard operators: inputs with the names, types and shapes of the file
 * (a symbolic batch stays symbolic, a fixed one fixed), the output of the same name with what stood behind the logits (a Softmax), its last
 * dimension the head's number of classes. What only the old classifier needed is gone; so are outputs that were not chosen.
 *
 * @param model a head on an `importedBackbone` of this cut
 * @param weights parameters and buffers by checkpoint key
 * @throws an input error for weights that are missing or of another shape
 */
export function deployGraph(cut: Cut, model: Model, weights: Weights): Graph {
  const { backbone } = model;
  if (!isImported(backbone) || backbone.cut !== cut) throw internalError('the model is not on a backbone of this cut');
  const { graph, classifier, features, output } = cut;
  const head = headGraph(cut, model, backbone, weights);
  const before = nodesBefore(graph, features);
  const emitted = new Set([...before, ...classifier.replaced]);
  const behind = nodesBefore(graph, output).filter((node) => !emitted.has(node));
  const initializers = trainedInitializers(cut, backbone, weights);
  const { logits, classes } = classifier;
  const place = { graph, initializers, before, behind, features, logits, classes, outputs: [output] };
  return spliceHead(place, head, model.head.classes);
}
