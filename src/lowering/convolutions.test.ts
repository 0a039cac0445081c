import { describe, expect, test } from 'vitest';
import { countOperators, operatorName, type Graph } from '../graph/graph.ts';
import { blockedTargets, build, expectLowered, portable } from '../../test/support/lowering.ts';

const blocked = await blockedTargets();
const noKernels = blocked.length === 0;

interface Case {
  readonly batch: number;
  readonly channels: readonly [number, number];
  readonly size: readonly [number, number];
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** Conv with bias, its input gradient alone and with a sum, and its weight gradient, as four outputs. */
function convolutionGraph({ batch, channels: [ci, co], size: [h, w], kernel: k, ...rest }: Case) {
  const { stride: s = 1, padding: p = 0, dilation: d = 1, groups: g = 1 } = rest;
  const out = (extent: number): number => Math.floor((extent + 2 * p - d * (k - 1) - 1) / s) + 1;
  const attributes = { kernel_shape: [k, k], pads: [p, p, p, p], strides: [s, s], dilations: [d, d], group: g };
  const graph = build((b) => {
    const x = b.input('x', 'float32', [batch, ci, h, w]);
    const gy = b.input('gy', 'float32', [batch, co, out(h), out(w)]);
    const filter = b.input('w', 'float32', [co, ci / g, k, k]);
    const bias = b.input('bias', 'float32', [co]);
    const skip = b.input('skip', 'float32', [batch, ci, h, w]);
    const shape = { ...attributes, input_shape: [batch, ci, h, w] };
    return [
      b.op('Conv', [x, filter, bias], attributes),
      b.op('ConvInputGrad', [gy, filter], shape),
      b.op('ConvInputGrad', [gy, filter, skip], shape),
      b.op('ConvWeightGrad', [x, gy], attributes),
    ];
  });
  return { graph, length: Math.max((ci / g) * k * k, (co / g) * k * k, batch * out(h) * out(w)) };
}

const isNchwc = (name: string): boolean => name.startsWith('nchwc.');
const blockedConvolutions = (graph: Graph): number => countOperators(graph).get('nchwc.Conv') ?? 0;

/** These fit the blocked layout of 16 (and 8) channels: every operator but conversions of inputs and outputs is blocked. */
const fitting: readonly Case[] = [
  { batch: 3, channels: [16, 16], size: [5, 5], kernel: 3, padding: 1 },
  { batch: 1, channels: [16, 32], size: [5, 7], kernel: 1 },
  { batch: 16, channels: [32, 16], size: [4, 4], kernel: 3, stride: 2, padding: 1 },
  { batch: 17, channels: [16, 16], size: [5, 5], kernel: 3, stride: 2, padding: 1 },
  { batch: 2, channels: [48, 16], size: [4, 5], kernel: 5, padding: 2 },
  { batch: 1, channels: [16, 48], size: [7, 6], kernel: 5, stride: 2, padding: 2 },
  { batch: 16, channels: [16, 32], size: [6, 6], kernel: 1, stride: 2 },
  { batch: 3, channels: [32, 16], size: [7, 5], kernel: 1, stride: 2 },
  { batch: 1, channels: [16, 16], size: [7, 9], kernel: 7, stride: 2, padding: 3 },
  { batch: 1, channels: [16, 16], size: [9, 9], kernel: 3, stride: 3, padding: 1 },
  { batch: 3, channels: [16, 16], size: [6, 6], kernel: 2, stride: 2 },
  { batch: 3, channels: [16, 16], size: [5, 5], kernel: 3 },
  { batch: 2, channels: [16, 16], size: [6, 7], kernel: 3, stride: 2 },
  { batch: 2, channels: [16, 16], size: [4, 4], kernel: 3, padding: 2 },
];

/** These fall back to the portable recipes, wholly or in part. */
const unfitting: readonly Case[] = [
  { batch: 2, channels: [16, 16], size: [4, 4], kernel: 1, padding: 1 },
  { batch: 2, channels: [16, 16], size: [5, 5], kernel: 3, padding: 2, dilation: 2 },
  { batch: 1, channels: [16, 16], size: [7, 7], kernel: 3, stride: 2, padding: 2, dilation: 2 },
  { batch: 3, channels: [3, 16], size: [5, 5], kernel: 3, padding: 1 },
  { batch: 17, channels: [1, 16], size: [7, 7], kernel: 5, stride: 2, padding: 2 },
  { batch: 3, channels: [8, 20], size: [4, 4], kernel: 3, padding: 1 },
  { batch: 3, channels: [20, 16], size: [4, 4], kernel: 3, stride: 2, padding: 1 },
  { batch: 1, channels: [24, 24], size: [4, 5], kernel: 3, padding: 1 },
  { batch: 3, channels: [16, 16], size: [5, 5], kernel: 3, padding: 1, groups: 16 },
  { batch: 3, channels: [16, 16], size: [7, 7], kernel: 3, stride: 2, padding: 1, groups: 16 },
  { batch: 1, channels: [32, 64], size: [4, 4], kernel: 3, padding: 1, groups: 2 },
  { batch: 3, channels: [20, 40], size: [4, 4], kernel: 1, groups: 4 },
  { batch: 3, channels: [12, 24], size: [5, 4], kernel: 3, stride: 2, padding: 1, groups: 4 },
  { batch: 2, channels: [9, 18], size: [5, 5], kernel: 3, padding: 2, dilation: 2, groups: 3 },
];

const describeCase = (each: Case): string => JSON.stringify(each).replaceAll(/["{}]/g, '').replaceAll(':', ' ');

describe('Conv, its input gradient (with and without sum) and its weight gradient', () => {
  test.each([...fitting, ...unfitting].map((each) => [describeCase(each), each] as const))(
    'portable: %s',
    async (_, each) => {
      const { graph, length } = convolutionGraph(each);
      const [lowered] = await expectLowered(graph, [portable], { length });
      expect(lowered?.nodes.map(operatorName).filter(isNchwc)).toEqual([]);
    },
  );

  test.skipIf(noKernels).each(fitting.map((each) => [describeCase(each), each] as const))(
    'blocked: %s',
    async (_, each) => {
      const { graph, length } = convolutionGraph(each);
      const [lowered] = await expectLowered(graph, blocked, { length });
      expect(lowered?.nodes.map(operatorName)).not.toContain('Conv');
      expect(lowered?.nodes.map(operatorName)).not.toContain('ConvTranspose');
    },
  );

  test.skipIf(noKernels).each(unfitting.map((each) => [describeCase(each), each] as const))(
    'blocked, partly falling back: %s',
    async (_, each) => {
      const { graph, length } = convolutionGraph(each);
      await expectLowered(graph, blocked, { length });
    },
  );
});

test.skipIf(noKernels)('a convolution without groups or strides costs the fewest blocked convolutions', async () => {
  const { graph, length } = convolutionGraph({ batch: 16, channels: [16, 16], size: [4, 4], kernel: 3, padding: 1 });
  const [lowered] = await expectLowered(graph, blocked, { length });
  // One forward, two input gradients (each its own output here), one weight gradient and one to pad its columns.
  expect(lowered === undefined ? 0 : blockedConvolutions(lowered)).toBe(5);
});

test('awkward groups become dense convolutions, which WebGPU computes right', async () => {
  const groupsOf = (graph: Graph | undefined): (number | undefined)[] =>
    (graph?.nodes ?? []).flatMap((node) => (node.kind === 'op' && node.op === 'Conv' ? [node.attributes.group] : []));
  // 10 outputs a group are no multiple of 4; 8 are.
  const awkward = convolutionGraph({ batch: 2, channels: [4, 20], size: [3, 3], kernel: 1, groups: 2 });
  const [apart] = await expectLowered(awkward.graph, [portable], awkward);
  expect(groupsOf(apart).slice(0, 2)).toEqual([1, 1]);
  const even = convolutionGraph({ batch: 2, channels: [4, 16], size: [3, 3], kernel: 1, groups: 2 });
  const [together] = await expectLowered(even.graph, [portable], even);
  expect(groupsOf(together).slice(0, 1)).toEqual([2]);
});
