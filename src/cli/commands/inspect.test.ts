import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { float32 } from '../../core/tensor.ts';
import { createBuilder, toOnnx, type Builder, type Value } from '../../graph/index.ts';
import { ModelProto } from '../../graph/onnx-common.ts';
import { conv, flatten, globalAveragePool, matmul, relu, add, transpose } from '../../graph/functions.ts';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';

interface Document {
  readonly parameters: object;
  readonly multiplyAdds: number;
  readonly unknownNodes: number;
  readonly classifier: Record<string, unknown> | null;
  readonly geometry: Record<string, unknown> | null;
  readonly layers: readonly {
    readonly name: string;
    readonly parameters: number;
    readonly multiplyAdds: number | null;
  }[];
  readonly notes: readonly string[];
}

async function inspected(...argv: readonly string[]): Promise<Document> {
  const result = await cli(['inspect', ...argv, '--no-timing', '--json']);
  expect(result.code).toBe(0);
  return documentOf(result) as Document;
}

const filled = (...shape: number[]) => float32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

/** A small network as another program would write it. */
async function foreignFile(body: (b: Builder, features: Value) => Value, opset = 18): Promise<string> {
  const b = createBuilder('foreign');
  const images = b.input('x', 'float32', ['n', 3, 16, 16]);
  const hidden = relu(
    b,
    conv(b, images, b.named('w0', filled(8, 3, 3, 3)), { padding: 1, bias: b.named('b0', filled(8)) }),
  );
  b.output(body(b, hidden), 'y');
  const proto = ModelProto.decode(toOnnx(b.build(), { producer: 'another' }));
  for (const entry of proto.opsetImport) if ((entry.domain ?? '') === '') entry.version = opset;
  const file = join(await temporaryFolder(), 'foreign.onnx');
  await writeFile(file, ModelProto.encode(proto).finish());
  return file;
}

const pooled = (b: Builder, x: Value): Value => flatten(b, globalAveragePool(b, x));

describe('fixhead inspect of a model by name', () => {
  it('counts the parameters of ResNet-56 for CIFAR-10 as published implementations do', async () => {
    const { parameters, classifier, layers } = await inspected(
      '--model',
      'resnet56',
      '--head',
      'learned',
      '--classes',
      '10',
      '--image',
      '3x32x32',
    );
    expect(parameters).toStrictEqual({ total: 855_770, trainable: 855_770, classifier: 650, classifierTrainable: 650 });
    expect(classifier).toMatchObject({
      features: 64,
      classes: 10,
      bytes: 2600,
      multiplyAdds: 640,
      share: 650 / 855_770,
    });
    expect(layers.reduce((total, layer) => total + layer.parameters, 0)).toBe(855_770);
  });

  it('counts the multiply-adds of ResNet-20 for CIFAR-10, the 41 million of the literature', async () => {
    const { multiplyAdds } = await inspected('--model', 'resnet20', '--head', 'learned');
    // He et al.'s shortcuts without weights give 40.55 M; the two 1×1 shortcuts add 16·32·256 + 32·64·64.
    expect(multiplyAdds).toBe(40_551_040 + 131_072 + 131_072);
  });

  it('tells the geometry of a fixed head, the coherence promised and measured', async () => {
    const hadamard = await inspected('--model', 'resnet8', '--head', 'hadamard', '--classes', '10');
    expect(hadamard.parameters).toMatchObject({ classifier: 11, classifierTrainable: 11 });
    expect(hadamard.geometry).toMatchObject({
      kind: 'rows',
      order: 64,
      bases: 1,
      distinct: 10,
      coherence: 0,
      welch: 0,
      measuredCoherence: 0,
      fixedParameters: 0,
    });
    // 1 α and 10 biases, and the constant factors of H.
    expect(hadamard.classifier?.['bytes']).toBe(4 * 11 + Number(hadamard.geometry?.['constantBytes']));
    expect(hadamard.classifier?.['multiplyAdds']).toBe(hadamard.geometry?.['multiplyAdds']);
    const orthonormal = await inspected('--model', 'resnet8', '--head', 'orthonormal', '--classes', '10');
    expect(orthonormal.parameters).toMatchObject({ classifier: 651, classifierTrainable: 11 });
    expect(orthonormal.geometry?.['measuredCoherence']).toBeLessThan(1e-6);
    expect(orthonormal.classifier).toMatchObject({
      bytes: 4 * 651,
      dense: { parameters: 650, bytes: 2600, multiplyAdds: 640 },
    });
  });

  it('shows the layers and the cost as text', async () => {
    const { stdout, code } = await cli([
      'inspect',
      '--model',
      'mlp',
      '--head',
      'learned',
      '--classes',
      '10',
      '--image',
      '1x28x28',
      '--no-timing',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/fc1\/Gemm +Gemm +batch×256 +200,960 +200,704/);
    expect(stdout).toContain('235,146 parameters, all trainable');
    expect(stdout).toContain('Classifier: learned, 128 features to 10 classes');
    expect(stdout).toContain('1,290 parameters (0.55 % of all), 1,290 trainable; 5.2 kB; 1,280 multiply-adds');
  });
});

describe('fixhead inspect of a run and its file', () => {
  it('counts the same in the run, and in the file what folding leaves', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const run = join(folder, 'run');
    expect((await cli(['train', data, ...quick, '--head', 'orthonormal', '--out', run])).code).toBe(0);
    const byRun = await inspected(run, '--images', '0');
    const byName = await inspected('--model', 'mlp', '--head', 'orthonormal', '--classes', '3', '--image', '1x8x8');
    expect({ ...byRun, training: null }).toStrictEqual(byName);
    // Nothing to fold in an mlp: the file has the same numbers.
    const byFile = await inspected(join(run, 'model.onnx'));
    expect(byFile.parameters).toStrictEqual(byRun.parameters);
    expect(byFile.classifier).toMatchObject({ ...byRun.classifier, kind: 'orthonormal' });
    expect(byFile.geometry).toStrictEqual(byRun.geometry);
    expect(byFile.multiplyAdds).toBe(byRun.multiplyAdds);
  });
});

describe('fixhead inspect of a foreign file', () => {
  const body = 8 * 3 * 9 + 8;
  const convolution = 16 * 16 * 8 * 27;

  it.each([13, 18])('finds a Gemm with transposed weights (opset %i)', async (opset) => {
    const file = await foreignFile(
      (b, x) =>
        b.op('Gemm', [pooled(b, x), b.named('w', filled(5, 8)), b.named('b', filled(5))], {
          alpha: 1,
          beta: 1,
          transA: 0,
          transB: 1,
        }),
      opset,
    );
    const result = await inspected(file);
    expect(result.parameters).toStrictEqual({
      total: body + 45,
      trainable: body + 45,
      classifier: 45,
      classifierTrainable: 45,
    });
    expect(result.classifier).toMatchObject({ features: 8, classes: 5, bytes: 180, multiplyAdds: 40 });
    expect(result).toMatchObject({
      multiplyAdds: convolution + 40,
      unknownNodes: 0,
      geometry: { kind: 'weights', distinct: 1, features: 8, classes: 5 },
      image: { channels: 3, height: 16, width: 16 },
    });
  });

  it('finds a MatMul behind a transposed matrix, with its bias, before a Softmax', async () => {
    const file = await foreignFile((b, x) => {
      const product = matmul(b, pooled(b, x), transpose(b, b.named('w', filled(6, 8)), [1, 0]));
      return b.op('Softmax', [add(b, product, b.named('b', filled(6)))], { axis: -1 });
    });
    expect((await inspected(file)).classifier).toMatchObject({
      features: 8,
      classes: 6,
      parameters: 54,
      multiplyAdds: 48,
    });
  });

  it('finds a 1×1 convolution', async () => {
    const file = await foreignFile((b, x) =>
      flatten(b, globalAveragePool(b, conv(b, x, b.named('w', filled(4, 8, 1, 1)), {}))),
    );
    // Before the pooling, so once for each pixel.
    expect((await inspected(file)).classifier).toMatchObject({
      features: 8,
      classes: 4,
      parameters: 32,
      multiplyAdds: 32 * 256,
    });
  });

  it('says so where there is none', async () => {
    const wide = await foreignFile((b, x) => pooled(b, x));
    const result = await inspected(wide);
    expect(result).toMatchObject({ classifier: null, parameters: { total: body, classifier: 0 } });
    expect(result.notes.join()).toMatch(
      /no classifier found: the last product before the output, Conv \(Conv\), is a convolution with windows of 3×3/,
    );
    const products = await foreignFile((b, x) => matmul(b, pooled(b, x), transpose(b, pooled(b, x), [1, 0])));
    expect((await inspected(products)).notes.join()).toMatch(/has no constant weights/);
  });
});
