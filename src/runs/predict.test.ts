import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { createBuilder, flatten, matmul, toOnnx } from '../graph/index.ts';
import { openRuntime } from '../runtime/index.ts';
import { evaluateClassifier } from './evaluate.ts';
import { predictImages } from './predict.ts';

/** A grey 2×2 image to logits (sum of the pixels in 0 … 1, 0), as another program might have written it. */
function sumModel({ batch, softmax, names }: { batch: number | string; softmax: boolean; names?: string }): Uint8Array {
  const b = createBuilder('sum');
  const x = b.input('picture', 'float32', [batch, 1, 2, 2]);
  const logits = matmul(b, flatten(b, x), b.named('w', float32([4, 2], [1, 0, 1, 0, 1, 0, 1, 0])));
  b.output(softmax ? b.op('Softmax', [logits], { axis: -1 }) : logits, 'answer');
  return toOnnx(b.build(), { producer: 'another', ...(names === undefined ? {} : { metadata: { labels: names } }) });
}

let folder: string;
const threads = 1;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-predict-'));
  for (const [name, level] of [
    ['white', 255],
    ['black', 0],
  ] as const) {
    for (const place of ['a', 'b', 'c']) {
      const pixels = sharp(new Uint8Array(36).fill(level), { raw: { width: 6, height: 6, channels: 1 } });
      await writeFile(join(folder, `${place}-${name}.png`), await pixels.png().toBuffer());
    }
  }
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('predictions of foreign models', () => {
  // Four white pixels: e⁴/(e⁴ + 1); black ones: ½, the first class first.
  const sure = Math.exp(4) / (Math.exp(4) + 1);

  it.each([
    { batch: 'n', softmax: false },
    { batch: 'n', softmax: true },
    { batch: 1, softmax: false },
    // Six images through a model that takes four at a time.
    { batch: 4, softmax: true },
  ])('are softmax probabilities for %o', async (shape) => {
    const path = join(folder, 'model.onnx');
    await writeFile(path, sumModel({ ...shape, names: '["bright","dark"]' }));
    const seen: string[] = [];
    const { labels, predictions } = await predictImages(path, [folder], {
      runtime: await openRuntime({ device: 'cpu', threads }),
      top: 2,
      onPrediction: ({ file }) => seen.push(file),
    });
    expect(labels).toEqual(['bright', 'dark']);
    const files = ['a-black', 'a-white', 'b-black', 'b-white', 'c-black', 'c-white'].map((name) =>
      join(folder, `${name}.png`),
    );
    expect(predictions.map(({ file }) => file)).toEqual(files);
    expect(seen).toEqual(files);
    for (const prediction of predictions) {
      if (prediction.kind === 'failed') throw new Error(prediction.error);
      const [first, second] = prediction.top;
      expect(first).toMatchObject({ label: 'bright', index: 0 });
      expect(first?.probability).toBeCloseTo(prediction.file.includes('white') ? sure : 0.5, 6);
      expect((first?.probability ?? 0) + (second?.probability ?? 0)).toBeCloseTo(1, 6);
    }
  });

  it('refuse a model that is none of images, and one that cannot be evaluated', async () => {
    const runtime = await openRuntime({ device: 'cpu', threads });
    const path = join(folder, 'model.onnx');
    const b = createBuilder('vectors');
    b.output(flatten(b, b.input('x', 'float32', ['n', 7])), 'y');
    await writeFile(path, toOnnx(b.build(), { producer: 'another' }));
    await expect(predictImages(path, [folder], { runtime })).rejects.toThrow(
      /not a classifier of images; expected one float32 input .*received x float32\[n, 7\]/,
    );
    await writeFile(path, sumModel({ batch: 4, softmax: false }));
    await expect(evaluateClassifier(path, { runtime })).rejects.toThrow(/takes exactly 4 images at a time/);
    await writeFile(path, sumModel({ batch: 'n', softmax: false, names: '{"0":"bright"}' }));
    await expect(predictImages(path, [folder], { runtime })).rejects.toThrow(
      /metadata labels: labels that cannot be read; expected a JSON list/,
    );
  });
});
