import type { elementwiseOps } from '../ops/elementwise.ts';
import { plain, type ReadRules } from './rule.ts';

export const elementwiseReadRules: ReadRules<typeof elementwiseOps> = {
  Identity: plain,
  Relu: plain,
  Exp: plain,
  Log: plain,
  Sqrt: plain,
  Reciprocal: plain,
  Neg: plain,
  Abs: plain,
  Sigmoid: plain,
  Tanh: plain,
  HardSigmoid: { defaults: () => ({ alpha: 0.2, beta: 0.5 }) },
  Cast: plain,
  Add: plain,
  Sub: plain,
  Mul: plain,
  Div: plain,
  Max: plain,
  Min: plain,
  Equal: plain,
  Greater: plain,
  Where: plain,
};
