import { Option, type Command } from 'commander';
import CliTable from 'cli-table3';
import { usageError } from '../../core/errors.ts';
import type { ImageShape } from '../../data/dataset.ts';
import { parseHead } from '../../heads/parse.ts';
import type { HeadSpec } from '../../heads/spec.ts';
import { inspectModel, inspectPath, type GeometryFacts, type Inspection } from '../../runs/inspect.ts';
import { modelFor } from '../../runs/prepare.ts';
import { bytes, percent, whole } from '../format.ts';
import { outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';

interface InspectFlags {
  readonly model?: string;
  readonly head?: HeadSpec;
  readonly classes?: number;
  readonly image?: ImageShape;
  readonly json?: true;
}

const defaultClasses = 10;
const defaultImage: ImageShape = { channels: 3, height: 32, width: 32 };

const examples = `
Examples:
  $ fixhead inspect --model resnet56 --head learned --classes 10 --image 3x32x32
  $ fixhead inspect runs/photos
  $ fixhead inspect resnet50.onnx --json

Multiply-adds are those of convolutions and matrix products for one image. In an .onnx file of another program the classifier
is the last MatMul, Gemm or 1×1 convolution with constant weights before the first output. --json prints {model, image,
parameters: {total, trainable, classifier, classifierTrainable}, multiplyAdds, unknownNodes, classifier, geometry, layers, notes}.`;

/** `fixhead inspect`: layers, shapes, parameters and the cost of the classifier. */
export function addInspect(program: Command, context: CliContext): void {
  program
    .command('inspect')
    .summary('show what a model consists of and what its classifier costs')
    .description('Shows the layers, shapes and parameters of a model and what its classifier costs.')
    .argument('[path]', 'a run’s folder or an .onnx file; or name a --model')
    .option('--model <name>', 'backbone: mlp, cnn, resnet8, resnet20, … resnet110')
    .addOption(new Option('--head <head>', 'learned, hadamard or orthonormal (default: hadamard)').argParser(parseHead))
    .option('--classes <n>', `number of classes (default: ${defaultClasses})`, parse.whole('--classes', 2))
    .option('--image <CxHxW>', 'shape of an image (default: 3x32x32)', parse.imageShape)
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addHelpText('after', examples)
    .action(async (path: string | undefined, flags: InspectFlags) => {
      await inspect(path, flags, context);
    });
}

async function inspect(path: string | undefined, flags: InspectFlags, { io }: CliContext): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const result = await inspection(path, flags);
  output.print(layerTable(result));
  output.print(textOf(result));
  output.document(result);
}

async function inspection(path: string | undefined, flags: InspectFlags): Promise<Inspection> {
  const { model, head, classes = defaultClasses, image = defaultImage } = flags;
  if (path !== undefined) {
    const given = [model, head, flags.classes, flags.image].some((value) => value !== undefined);
    if (given) {
      throw usageError('a path and a model at once', {
        received: path,
        hint: '--model, --head, --classes and --image describe a model that need not exist; a path names one that does',
      });
    }
    return await inspectPath(path);
  }
  if (model === undefined) {
    throw usageError('nothing to inspect', { hint: 'name a run’s folder, an .onnx file or a --model' });
  }
  const names = Array.from({ length: classes }, (_, index) => String(index));
  return inspectModel(modelFor(model, head ?? parseHead('hadamard'), { image, classes: names }));
}

/** Layers with weights or products; the others are counted in a line. */
function layerTable({ layers }: Inspection): string {
  const rule = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
  };
  const table = new CliTable({
    head: ['layer', 'operator', 'output', 'parameters', 'multiply-adds'],
    colAligns: ['left', 'left', 'left', 'right', 'right'],
    chars: {
      ...rule,
      'bottom-right': '',
      left: '',
      'left-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
      'mid-mid': '──',
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  const shown = layers.filter(({ parameters, multiplyAdds }) => parameters > 0 || multiplyAdds !== 0);
  for (const { name, operator, shape, parameters, multiplyAdds } of shown) {
    const size = shape === null ? '?' : shape.join('×');
    table.push([
      name,
      operator,
      size,
      parameters === 0 ? '' : whole(parameters),
      multiplyAdds === null ? '?' : multiplyAdds === 0 ? '' : whole(multiplyAdds),
    ]);
  }
  const others = layers.length - shown.length;
  const lines = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  return `${lines.join('\n')}\n${others} more nodes without weights or products\n`;
}

function textOf({ model, image, parameters, multiplyAdds, classifier, geometry, notes }: Inspection): string {
  const { total, trainable } = parameters;
  const lines = [
    `${model}${image === null ? '' : ` for images of ${image.channels}×${image.height}×${image.width}`}`,
    `  ${whole(total)} parameters, ${trainable === total ? 'all' : whole(trainable)} trainable; ${whole(multiplyAdds)} multiply-adds for one image`,
  ];
  if (classifier !== null) {
    const { kind, features, classes, dense } = classifier;
    lines.push(
      `Classifier: ${kind}, ${whole(features)} features to ${whole(classes)} classes`,
      `  ${whole(classifier.parameters)} parameters (${percent(classifier.share)} of all), ${whole(parameters.classifierTrainable)} trainable; ${bytes(classifier.bytes)}; ${whole(classifier.multiplyAdds)} multiply-adds`,
    );
    if (geometry !== null) {
      lines.push(
        `  a learned one would have ${whole(dense.parameters)} parameters, ${bytes(dense.bytes)}, ${whole(dense.multiplyAdds)} multiply-adds`,
      );
    }
  }
  if (geometry !== null) lines.push(...geometryLines(geometry));
  return [...lines, ...notes.map((note) => `Note: ${note}`)].join('\n');
}

function geometryLines(geometry: GeometryFacts): readonly string[] {
  const { kind, features, capacity, coherence, measuredCoherence: measured, balanced } = geometry;
  const checked = measured === null ? 'not measured: too many pairs' : `measured ${measured.toExponential(1)}`;
  return [
    `Geometry: ${kind}, room for ${whole(capacity)} classes on ${whole(features)} features`,
    `  largest |cos| between two class vectors: ${coherence} as constructed, ${checked}`,
    `  ${balanced ? 'every class vector is orthogonal to (1, …, 1), so no class is favoured by non-negative features' : 'not orthogonal to (1, …, 1)'}`,
    `  one product: ${whole(geometry.multiplyAdds)} multiply-adds, ${bytes(geometry.constantBytes)} of constants`,
  ];
}
