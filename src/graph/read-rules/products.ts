import type { productsOps } from '../ops/products.ts';
import { plain, type ReadRules } from './rule.ts';

export const productsReadRules: ReadRules<typeof productsOps> = {
  MatMul: plain,
  Gemm: { defaults: () => ({ alpha: 1, beta: 1, transA: 0, transB: 0 }) },
  Einsum: plain,
};
