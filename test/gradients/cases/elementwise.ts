import type { StaticShape } from '../../../src/core/shape.ts';
import {
  any,
  booleans,
  broadcastPairs,
  distinct,
  integers,
  nonzero,
  positive,
  repeated,
  type CaseInput,
  type CaseTable,
} from '../case.ts';

type Draw = (shape: StaticShape) => CaseInput;

const shapes: readonly StaticShape[] = [[], [5], [2, 3, 4]];
const unary = (draw: Draw) =>
  shapes.map((shape) => ({ name: `rank ${shape.length}`, inputs: [draw(shape)], attributes: {} }));
const binary = (left: Draw, right: Draw = left) =>
  broadcastPairs.map(([name, a, b]) => ({ name, inputs: [left(a), right(b)], attributes: {} }));
// Half a step apart: no element of one operand is near any of the other.
const selection = binary(
  (shape) => distinct(shape),
  (shape) => distinct(shape, 0.125),
);

export const elementwiseCases: CaseTable<
  | 'Identity'
  | 'Relu'
  | 'Exp'
  | 'Log'
  | 'Sqrt'
  | 'Reciprocal'
  | 'Neg'
  | 'Abs'
  | 'Sigmoid'
  | 'Tanh'
  | 'HardSigmoid'
  | 'Cast'
  | 'Add'
  | 'Sub'
  | 'Mul'
  | 'Div'
  | 'Max'
  | 'Min'
  | 'Equal'
  | 'Greater'
  | 'Where'
  | 'ReluGrad'
  | 'Detach'
> = {
  Detach: { noGradient: 'stops gradients', forward: unary(any) },
  Identity: unary(any),
  Relu: unary(nonzero),
  Exp: unary(any),
  Log: unary(positive),
  Sqrt: unary(positive),
  Reciprocal: unary(nonzero),
  Neg: unary(any),
  Abs: unary(nonzero),
  Sigmoid: unary(any),
  Tanh: unary(any),
  HardSigmoid: [
    // Clamped outside ±2.5: the grid of ±3 has elements on all three pieces and none on a kink.
    { name: 'default slope', inputs: [distinct([2, 3, 4], 0.1)], attributes: { alpha: 0.2, beta: 0.5 } },
    { name: 'other slope', inputs: [distinct([11], 0.1)], attributes: { alpha: 0.75, beta: 0.25 } },
  ],
  Cast: [
    { name: 'float32 to float32', inputs: [any([2, 3])], attributes: { to: 'float32' } },
    { name: 'float32 to float64', inputs: [any([2, 3])], attributes: { to: 'float64' } },
    { name: 'int64 to float32', inputs: [integers([3], [-2, 0, 7])], attributes: { to: 'float32' }, forwardOnly: true },
    { name: 'bool to float32', inputs: [booleans([2, 3])], attributes: { to: 'float32' }, forwardOnly: true },
    { name: 'float32 to int64', inputs: [distinct([11])], attributes: { to: 'int64' }, forwardOnly: true },
    { name: 'float32 to bool', inputs: [repeated([7])], attributes: { to: 'bool' }, forwardOnly: true },
  ],
  Add: binary(any),
  Sub: binary(any),
  Mul: binary(any),
  Div: binary(any, nonzero),
  Max: selection,
  Min: selection,
  Equal: { noGradient: 'piecewise constant', forward: binary(repeated) },
  Greater: { noGradient: 'piecewise constant', forward: binary(repeated) },
  Where: [
    ...broadcastPairs.map(([name, a, b]) => ({
      name: `values: ${name}`,
      inputs: [booleans(b), any(a), any(b)],
      attributes: {},
    })),
    { name: 'condition repeats', inputs: [booleans([3, 1]), any([2, 3, 4]), any([4])], attributes: {} },
    { name: 'condition is larger', inputs: [booleans([2, 3, 4]), any([4]), any([])], attributes: {} },
  ],
  ReluGrad: {
    noGradient: 'a gradient itself',
    forward: [{ name: 'rank 2', inputs: [any([2, 3]), any([2, 3])], attributes: {} }],
  },
};
