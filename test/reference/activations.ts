import type { elementwiseOps } from '../../src/graph/ops/elementwise.ts';
import { binary, unary } from './maps.ts';
import type { EvaluateTable, NdArray } from './array.ts';

type Activation =
  | 'Relu'
  | 'Clip'
  | 'LeakyRelu'
  | 'PRelu'
  | 'ThresholdedRelu'
  | 'Elu'
  | 'Selu'
  | 'Celu'
  | 'Sigmoid'
  | 'HardSigmoid'
  | 'HardSwish'
  | 'Mish'
  | 'Softplus'
  | 'Softsign'
  | 'Tanh';

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
/** log(1 + eˣ) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const bound = (given: NdArray | undefined, absent: number): number => given?.data[0] ?? absent;

export const activations: EvaluateTable<Extract<keyof typeof elementwiseOps, Activation> | 'ReluGrad' | 'ClipGrad'> = {
  Relu: unary((x) => Math.max(x, 0)),
  Clip: ({ input, inputs }) =>
    unary((x) => clamp(x, bound(inputs[1], -Infinity), bound(inputs[2], Infinity)))({ input }),
  LeakyRelu: ({ input, attributes: { alpha } }) => unary((x) => (x < 0 ? alpha * x : x))({ input }),
  PRelu: binary((x, slope) => (x < 0 ? slope * x : x)),
  ThresholdedRelu: ({ input, attributes: { alpha } }) => unary((x) => (x > alpha ? x : 0))({ input }),
  Elu: ({ input, attributes: { alpha } }) => unary((x) => (x < 0 ? alpha * Math.expm1(x) : x))({ input }),
  Selu: ({ input, attributes: { alpha, gamma } }) =>
    unary((x) => gamma * (x < 0 ? alpha * Math.expm1(x) : x))({ input }),
  Celu: ({ input, attributes: { alpha } }) =>
    unary((x) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha)))({ input }),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  HardSigmoid: ({ input, attributes: { alpha, beta } }) => unary((x) => clamp(alpha * x + beta, 0, 1))({ input }),
  HardSwish: unary((x) => x * clamp(x / 6 + 0.5, 0, 1)),
  Mish: unary((x) => x * Math.tanh(softplus(x))),
  Softplus: unary(softplus),
  Softsign: unary((x) => x / (1 + Math.abs(x))),
  Tanh: unary(Math.tanh),
  // gx = gy where the activation is positive; nothing flows at y = 0.
  ReluGrad: binary((gy, y) => (y > 0 ? gy : 0)),
  ClipGrad: ({ input, inputs }) => {
    const [low, high] = [bound(inputs[2], -Infinity), bound(inputs[3], Infinity)];
    return binary((gy, y) => (y > low && y < high ? gy : 0))({ input });
  },
};
