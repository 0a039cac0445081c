import proto, { type onnx } from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { gradients } from '../../autodiff/gradients.ts';
import { createBuilder } from '../builder.ts';
import { reduceSum } from '../functions.ts';
import type { Graph } from '../graph.ts';
import { readOnnx } from '../onnx-read.ts';
import { toOnnx } from '../onnx-write.ts';
import { graphText } from '../text.ts';

const { AttributeType } = proto.onnx.AttributeProto;
const [FLOAT, INT64, BOOL] = [1, 7, 9];

const float = (name: string, value: number): onnx.IAttributeProto => ({ name, type: AttributeType.FLOAT, f: value });
const int = (name: string, value: number): onnx.IAttributeProto => ({ name, type: AttributeType.INT, i: value });
const text = (name: string, value: string): onnx.IAttributeProto => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(value),
});
const floats = (name: string, ...floatData: number[]): onnx.ITensorProto => ({
  name,
  dims: [floatData.length],
  dataType: FLOAT,
  floatData,
});
const integers = (name: string, ...int64Data: number[]): onnx.ITensorProto => ({
  name,
  dims: [int64Data.length],
  dataType: INT64,
  int64Data,
});
const scalar = (name: string, value: number): onnx.ITensorProto => ({
  name,
  dims: [],
  dataType: FLOAT,
  floatData: [value],
});
const flag = (name: string, value: boolean): onnx.ITensorProto => ({
  name,
  dims: [],
  dataType: BOOL,
  int32Data: [Number(value)],
});

/** A file with one node from the float32 input x to y; other inputs are constants. */
function read(
  opType: string,
  shape: readonly (number | string)[],
  attribute: onnx.IAttributeProto[],
  input: string[] = ['x'],
  initializer: onnx.ITensorProto[] = [],
): Graph {
  const dim = shape.map((extent) => (typeof extent === 'string' ? { dimParam: extent } : { dimValue: extent }));
  const graph: onnx.IGraphProto = {
    name: 'g',
    input: [{ name: 'x', type: { tensorType: { elemType: FLOAT, shape: { dim } } } }],
    output: [{ name: 'y' }],
    node: [{ opType, input, output: ['y'], attribute }],
    initializer,
  };
  const bytes = proto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph,
  }).finish();
  return readOnnx(bytes, 'm.onnx').graph;
}

const image = ['n', 3, 4, 6] as const;

describe('images and normalisation as files have them', () => {
  test.each<readonly [string, Graph, string, readonly (number | string)[]]>([
    [
      'Resize by scales, as PyTorch writes it, with a symbolic batch',
      read(
        'Resize',
        image,
        [
          text('mode', 'nearest'),
          text('coordinate_transformation_mode', 'asymmetric'),
          text('nearest_mode', 'floor'),
          float('cubic_coeff_a', -0.75),
        ],
        ['x', '', 'scales'],
        [floats('scales', 1, 1, 2, 1.5)],
      ),
      'scales = [1, 1, 2, 1.5], sizes = [], mode = "nearest", coordinate_transformation_mode = "asymmetric"',
      ['n', 3, 8, 9],
    ],
    [
      'Resize to sizes, with an empty region and empty scales',
      read(
        'Resize',
        [2, 3, 4, 6],
        [text('mode', 'linear')],
        ['x', 'roi', 'scales', 'sizes'],
        [floats('roi'), floats('scales'), integers('sizes', 2, 3, 7, 5)],
      ),
      'axes = [0, 1, 2, 3], scales = [], sizes = [2, 3, 7, 5], mode = "linear", coordinate_transformation_mode = "half_pixel"',
      [2, 3, 7, 5],
    ],
    [
      'Resize of two axes',
      read(
        'Resize',
        image,
        [{ name: 'axes', type: AttributeType.INTS, ints: [2, 3] }],
        ['x', '', '', 'sizes'],
        [integers('sizes', 8, 8)],
      ),
      'axes = [2, 3], scales = [], sizes = [8, 8]',
      ['n', 3, 8, 8],
    ],
    [
      'Dropout with a ratio, not training',
      read(
        'Dropout',
        image,
        [int('seed', 3)],
        ['x', 'ratio', 'training'],
        [scalar('ratio', 0.4), flag('training', false)],
      ),
      'y = Dropout (x)',
      image,
    ],
    [
      'LayerNormalization with everything left out',
      read('LayerNormalization', image, [], ['x', 'scale'], [floats('scale', 1, 2, 3, 4, 5, 6)]),
      'y = LayerNormalization <axis = -1, epsilon = 0.00001> (x, scale)',
      image,
    ],
    [
      'LRN with everything left out',
      read('LRN', image, [int('size', 3)]),
      'y = LRN <size = 3, alpha = 0.0001, beta = 0.75, bias = 1> (x)',
      image,
    ],
  ])('%s', (_, graph, expected, shape) => {
    expect(graphText(graph)).toContain(expected);
    expect(graph.types.get('y')?.shape).toEqual(shape);
    const again = readOnnx(toOnnx(graph), 'again').graph;
    expect(graphText(again)).toBe(graphText(graph));
  });
});

describe('forms without a meaning in the table stay foreign, and a gradient through them is refused by name', () => {
  const sizes = [floats('none'), integers('sizes', 2, 3, 2, 3)];
  const operands = ['x', '', '', 'sizes'];
  const shape = [2, 3, 4, 6] as const;
  test.each<readonly [string, string, Graph]>([
    [
      'dropout that is training',
      'Dropout',
      read('Dropout', shape, [], ['x', 'ratio', 'training'], [scalar('ratio', 0.4), flag('training', true)]),
    ],
    ['antialiasing', 'Resize', read('Resize', shape, [text('mode', 'linear'), int('antialias', 1)], operands, sizes)],
    [
      'a region of interest',
      'Resize',
      read('Resize', shape, [text('coordinate_transformation_mode', 'tf_crop_and_resize')], operands, sizes),
    ],
    [
      'sizes that keep the aspect ratio',
      'Resize',
      read('Resize', shape, [text('keep_aspect_ratio_policy', 'not_larger')], operands, sizes),
    ],
    ['an even number of neighbouring channels', 'LRN', read('LRN', shape, [int('size', 4)])],
    [
      'a sum kept in half precision',
      'LayerNormalization',
      read('LayerNormalization', shape, [int('stash_type', 10)], ['x', 'scale'], [floats('scale', 1, 2, 3, 4, 5, 6)]),
    ],
  ])('%s', (_, op, graph) => {
    const [node] = graph.nodes;
    expect(node).toMatchObject({ kind: 'foreign', opType: op });
    const types = new Map(graph.types).set('y', { dtype: 'float32', shape: [2, 3] });
    const b = createBuilder('loss', { ...graph, types });
    const loss = reduceSum(b, b.value('y'), [0, 1]);
    const differentiate = () => gradients(b.build(), { loss: loss.name, wrt: ['x'] });
    expect(differentiate).toThrow(`${node?.name ?? ''}: no gradient through ${op}`);
  });
});
