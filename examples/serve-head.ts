/**
 * Serve a run that was split into a backbone and a head: ONNX Runtime computes features, WebAssembly the classes.
 *
 *   npx fixhead train mnist-small --model cnn --head hadamard --out runs/digits
 *   npx fixhead export runs/digits --split split
 *   npx tsx examples/serve-head.ts split
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { openDataset, pixelsOf } from 'fixhead';
import { openHead, readHead } from 'fixhead/head';

const folder = process.argv[2] ?? 'split';
const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'));
const backbone = await ort.InferenceSession.create(join(folder, 'backbone.onnx'));
const labels = (await json('labels.json')) as readonly string[];
using head = await openHead(readHead(await json('head.json')));

const { validation, image, classes: names } = await openDataset('mnist-small');
const count = 8;
const size = image.channels * image.height * image.width;
const pixels = Float32Array.from(pixelsOf(validation).subarray(0, count * size), (byte) => byte / 255);
const images = new ort.Tensor('float32', pixels, [count, image.channels, image.height, image.width]);

const { features } = await backbone.run({ images });
if (features === undefined) throw new Error('the backbone has no output called features');
const best = 3;
const { classes, logits } = head.topK(features.data as Float32Array, best);
for (let index = 0; index < count; index++) {
  const answers = Array.from({ length: best }, (_, rank) => {
    const place = index * best + rank;
    return `${labels[classes[place] ?? 0] ?? '?'} (logit ${logits[place]?.toFixed(2) ?? '?'})`;
  });
  console.log(`true ${names[validation.labels[index] ?? 0] ?? '?'}: ${answers.join(', ')}`);
}
