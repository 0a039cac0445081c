/**
 * Run an exported model with nothing but ONNX Runtime: fixhead is not needed to serve.
 *
 *   npx tsx examples/predict.ts digits.onnx
 */
import * as ort from 'onnxruntime-node';
import { openDataset, pixelsOf } from 'fixhead';

const session = await ort.InferenceSession.create(process.argv[2] ?? 'digits.onnx');
const { validation, image } = await openDataset('mnist-small');

const count = 8;
const size = image.channels * image.height * image.width;
const pixels = Float32Array.from(pixelsOf(validation).subarray(0, count * size), (byte) => byte / 255);
const images = new ort.Tensor('float32', pixels, [count, image.channels, image.height, image.width]);

const { logits } = await session.run({ images });
if (logits === undefined) throw new Error('the model has no output called logits');
const values = Float32Array.from(logits.data as Float32Array);
const classes = values.length / count;
for (let index = 0; index < count; index++) {
  const row = values.subarray(index * classes, (index + 1) * classes);
  console.log(`image ${index}: predicted ${row.indexOf(Math.max(...row))}, true ${validation.labels[index] ?? '?'}`);
}
