import { describe, expect, it } from 'vitest';
import { readAgain, smallNetwork, usualNetwork, weights } from '../../test/support/read-networks.ts';
import { float32, int64 } from '../core/tensor.ts';
import type { Builder, Value } from '../graph/builder.ts';
import {
  add,
  concat,
  conv,
  expand,
  flatten,
  gather,
  globalAveragePool,
  matmul,
  mul,
  relu,
  reshape,
  sub,
  transpose,
} from '../graph/functions.ts';
import { blocksByName } from './block-names.ts';
import { blocksOf, importedParameters, trainedParameters } from './blocks.ts';
import { cutAt, type Cut } from './cut.ts';
import { findClassifier } from './find-classifier.ts';
import { layerOf, safeNames } from './names.ts';
import type { ImportedParameter } from './parameters.ts';

function cutOf(body: (b: Builder, images: Value) => Value, batch: number | string = 'n'): Cut {
  const graph = readAgain((b) => {
    const features = body(b, b.input('x', 'float32', [batch, 3, 4, 4]));
    b.output(matmul(b, features, weights(b, 'fc', Number(features.type.shape[1]), 7)), 'y');
  });
  return cutAt(graph, findClassifier(graph));
}

const pooled = (b: Builder, x: Value): Value => flatten(b, globalAveragePool(b, x));
const named = (list: readonly ImportedParameter[]): readonly string[] => list.map(({ name }) => name);

describe('importedParameters', () => {
  it('are filters, biases and norms before the classifier; not running statistics, not what prepares the input', () => {
    const cut = cutOf((b, x) => {
      const prepared = mul(b, sub(b, x, weights(b, 'mean', 1, 3, 1, 1)), weights(b, 'inverse_std', 1, 3, 1, 1));
      const y = conv(b, prepared, weights(b, 'conv.weight', 4, 3, 3, 3), { bias: weights(b, 'conv.bias', 4) });
      const vector = (name: string): Value => b.named(name, float32([4], [1, 2, 3, 4]));
      const operands = [y, vector('scale'), vector('shift'), vector('running_mean'), vector('running_var')] as const;
      return pooled(b, b.op('BatchNormalization', operands, { epsilon: 1e-5 }));
    });
    const found = importedParameters(cut);
    expect(named(found)).toEqual(['conv.weight', 'conv.bias', 'scale', 'shift']);
    expect(found.map(({ decay }) => decay)).toEqual([true, false, false, false]);
  });

  it('are position embeddings, class tokens and layer scales behind the first product, through Transpose and Expand', () => {
    const cut = cutOf((b, x) => {
      const patches = conv(b, x, weights(b, 'patch.weight', 4, 3, 2, 2), { stride: 2, padding: 0 });
      const tokens = transpose(b, reshape(b, patches, [-1, 4, 4]), [0, 2, 1]);
      const withToken = concat(b, [weights(b, 'token', 1, 1, 4), tokens], 1);
      const placed = add(b, withToken, weights(b, 'positions', 1, 5, 4));
      const hidden = matmul(b, placed, transpose(b, weights(b, 'mix', 4, 4), [1, 0]));
      const scaled = mul(
        b,
        add(b, hidden, expand(b, weights(b, 'offset', 1, 4), [5, 4])),
        weights(b, 'layer_scale', 4),
      );
      return gather(b, mul(b, scaled, 0.5), b.constant(int64([], [0])), 1);
    }, 1);
    const found = importedParameters(cut);
    expect(named(found)).toEqual(['patch.weight', 'token', 'positions', 'mix', 'offset', 'layer_scale']);
    expect(found.map(({ decay }) => decay)).toEqual([true, false, false, true, false, false]);
  });

  it('count an initializer that several nodes read once', () => {
    const cut = cutOf((b, x) => {
      const filter = weights(b, 'shared', 3, 3, 3, 3);
      return pooled(b, relu(b, conv(b, relu(b, conv(b, x, filter)), filter)));
    });
    expect(named(importedParameters(cut))).toEqual(['shared']);
    expect(cut.size).toEqual({
      classifier: { parameters: 21, bytes: 84 },
      total: { parameters: 21 + 81, bytes: 4 * (21 + 81) },
    });
    expect(cut.share).toBe(21 / 102);
  });

  it('get names that a path can hold, unique', () => {
    expect([...safeNames(['layer4.1.conv2.weight', '/a/b', 'a.b', 'onnx::Conv_193', '/'])]).toEqual([
      ['layer4.1.conv2.weight', 'layer4.1.conv2.weight'],
      ['/a/b', 'a.b'],
      ['a.b', 'a.b_1'],
      ['onnx::Conv_193', 'onnx__Conv_193'],
      ['/', 'tensor'],
    ]);
  });

  it.each([
    ['layer4.1.conv2.weight', '/whatever/Conv', 'layer4.1.conv2'],
    ['onnx::Conv_193', '/layer4/layer4.1/conv2/Conv', 'layer4.1.conv2'],
    ['onnx::Conv_7', '/features/features.1/features.1.0/block/block.0/block.0.0/Conv', 'features.1.0.block.0.0'],
    ['model/block1/conv/Conv2D/ReadVariableOp:0', 'x', 'model.block1.conv.Conv2D'],
    ['w', 'Conv_3', 'w'],
  ])('belong to layers: %s read by %s to %s', (parameter, node, layer) => {
    expect(layerOf(parameter, node)).toBe(layer);
  });
});

describe('blocksOf', () => {
  const layers = (...names: string[]): ReadonlyMap<string, string> | undefined =>
    blocksByName(names.map((layer) => ({ layer }) as ImportedParameter));

  it('groups the layers of torchvision’s models as their modules do', () => {
    expect([
      ...(layers(
        'conv1',
        'bn1',
        'layer1.0.conv1',
        'layer1.0.conv2',
        'layer1.0.downsample.0',
        'layer1.1.conv1',
        'layer1.1.conv2',
      )?.values() ?? []),
    ]).toEqual(['conv1', 'bn1', 'layer1.0', 'layer1.0', 'layer1.0', 'layer1.1', 'layer1.1']);
    expect(
      layers('features.0.0', 'features.0.1', 'features.1.conv.0.0', 'features.1.conv.1')?.get('features.0.1'),
    ).toBe('features.0');
    const efficient = layers(
      'features.0.0',
      'features.1.0.block.0.0',
      'features.1.0.block.1.fc1',
      'features.1.1.block.0.0',
      'features.1.1.block.2.0',
    );
    expect(efficient?.get('features.1.1.block.0.0')).toBe('features.1.1');
    const vit = layers(
      'conv_proj',
      'encoder.layers.encoder_layer_0.ln_1',
      'encoder.layers.encoder_layer_0.mlp.0',
      'encoder.layers.encoder_layer_11.mlp.3',
    );
    expect(vit?.get('encoder.layers.encoder_layer_0.mlp.0')).toBe('encoder.layers.encoder_layer_0');
    expect(layers('a', 'b', 'c')).toBeUndefined();
  });

  it('goes by names where these have paths, and puts norms with the products before them', () => {
    const graph = smallNetwork(usualNetwork);
    const blocks = blocksOf(cutAt(graph, findClassifier(graph)));
    expect(blocks.map(({ name, how, parameters }) => [name, how, parameters.length])).toEqual([
      ['stem.conv', 'names', 3],
      ['layer1.0', 'names', 6],
      ['layer1.1', 'names', 6],
    ]);
  });

  it('goes by joins where names say nothing: residual blocks stay whole', () => {
    const cut = cutOf((b, x) => {
      let y = relu(b, conv(b, x, weights(b, 'w0', 4, 3, 3, 3)));
      for (const [first, second] of [
        ['w1', 'w2'],
        ['w3', 'w4'],
      ] as const) {
        const inner = conv(b, relu(b, conv(b, y, weights(b, first, 4, 4, 3, 3))), weights(b, second, 4, 4, 3, 3));
        y = relu(b, add(b, y, inner));
      }
      return pooled(b, relu(b, conv(b, y, weights(b, 'w5', 4, 4, 1, 1))));
    });
    const blocks = blocksOf(cut);
    expect(blocks.map(({ how, parameters }) => [how, ...named(parameters)])).toEqual([
      ['joins', 'w0'],
      ['joins', 'w1', 'w2'],
      ['joins', 'w3', 'w4'],
      ['joins', 'w5'],
    ]);
    expect(named(trainedParameters(cut, { kind: 'blocks', count: 2 }))).toEqual(['w3', 'w4', 'w5']);
    expect(trainedParameters(cut, { kind: 'head' })).toEqual([]);
    expect(trainedParameters(cut, { kind: 'all' })).toHaveLength(6);
    expect(() => trainedParameters(cut, { kind: 'blocks', count: 5 })).toThrow(
      /not that many blocks; expected 1 to 4, received 5; its last blocks are w0, w1, w3, w5/,
    );
  });
});
