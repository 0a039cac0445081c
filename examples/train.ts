/**
 * Train a small ResNet with a fixed Hadamard classifier on the embedded MNIST digits and save one ONNX file.
 *
 *   npx tsx examples/train.ts [epochs]
 */
import { writeFile } from 'node:fs/promises';
import { createModel, exportModel, hadamard, openDataset, openRuntime, recipe, resnet, sgd, train } from 'fixhead';

const epochs = Number(process.argv[2] ?? 3);
const dataset = await openDataset('mnist-small');
const model = createModel(resnet(8, dataset.image), hadamard(), dataset.classes.length);

const result = await train({
  model,
  dataset,
  recipe: recipe('default', { epochs, batchSize: 64, optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }) }),
  seed: 0,
  runtime: await openRuntime({ device: 'cpu' }),
  onEvent: (event) => {
    if (event.kind !== 'epoch') return;
    const { epoch, trainLoss, validationAccuracy } = event.record;
    console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(3)}, validation ${(100 * validationAccuracy).toFixed(2)} %`);
  },
});

const bytes = exportModel(model, result.weights, dataset);
await writeFile('digits.onnx', bytes);
console.log(`digits.onnx: ${bytes.length} bytes, α = ${result.scale.at(-1)?.value.toFixed(1) ?? 'none'}`);
