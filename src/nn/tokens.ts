import { internalError } from '../core/errors.ts';
import { isStatic, sizeOf, type StaticShape } from '../core/shape.ts';
import type { Value } from '../graph/builder.ts';
import { add, matmul, mul, reshape, softmax, split, transpose } from '../graph/functions.ts';
import type { LayerContext } from './layer-context.ts';
import type { Initial } from './parameters.ts';

/** Matrices of transformers start as N(0, 0.02²) within two deviations (Devlin et al. 2019). */
export const transformerInitial: Initial = Object.freeze({ kind: 'normal', deviation: 0.02 });

/** Tokens n and width d of a value `[batch, n, d]`; the batch may be symbolic. */
function tokensOf(x: Value): { readonly tokens: number; readonly width: number } {
  const [, tokens, width] = x.type.shape;
  if (x.type.shape.length !== 3 || typeof tokens !== 'number' || typeof width !== 'number')
    throw internalError('tokens are [batch, tokens, width]', { where: x.name });
  return { tokens, width };
}

/** Parameter names of a linear layer: where it stands in a larger layer they have a prefix. */
interface TokenLinearNames {
  readonly weight: string;
  readonly bias: string;
}

/**
 * y = x·Wᵀ + b for every token of x `[batch, tokens, in]`, W `[out, in]`.
 *
 * Where the batch is known all tokens are rows of one product, so that the gradient of W is one product as well; where it is
 * symbolic, the product is stacked.
 */
export function tokenLinear(
  c: LayerContext,
  x: Value,
  out: number,
  { weight: weightName, bias: biasName }: TokenLinearNames = { weight: 'weight', bias: 'bias' },
): Value {
  const { tokens, width } = tokensOf(x);
  const weight = c.parameter(weightName, [out, width], transformerInitial, { decay: true });
  const bias = c.parameter(biasName, [out], { kind: 'constant', value: 0 }, { decay: false });
  return tokenProduct(c, x, weight, bias, { tokens, width, out });
}

/** x·Wᵀ + b for tokens x `[batch, tokens, width]` and a matrix W `[out, width]`. */
export function tokenProduct(
  c: LayerContext,
  x: Value,
  weight: Value,
  bias: Value,
  { tokens, width, out }: { readonly tokens: number; readonly width: number; readonly out: number },
): Value {
  if (!isStatic(x.type.shape)) return add(c.b, matmul(c.b, x, transpose(c.b, weight, [1, 0])), bias);
  const rows = reshape(c.b, x, [sizeOf(x.type.shape) / width, width]);
  const y = c.b.op('Gemm', [rows, weight, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 });
  return reshape(c.b, y, [x.type.shape[0] ?? 1, tokens, out]);
}

/**
 * Layer normalisation of the last axis of x (Ba et al. 2016): y = (x − μ)/√(σ² + ε)·γ + β, μ and the biased variance σ² over the
 * entries of one token; γ starts at 1, β at 0.
 */
export function layerNorm(c: LayerContext, name: string, x: Value, { epsilon = 1e-6 } = {}): Value {
  const { width } = tokensOf(x);
  return c.layer(name, () => {
    const scale = c.parameter('weight', [width], { kind: 'constant', value: 1 }, { decay: false });
    const bias = c.parameter('bias', [width], { kind: 'constant', value: 0 }, { decay: false });
    return c.b.op('LayerNormalization', [x, scale, bias], { axis: -1, epsilon });
  });
}

/**
 * Multi-head self-attention of x `[batch, tokens, width]` (Vaswani et al. 2017): every head h has queries Q, keys K and values V of
 * width/heads entries, linear in the tokens, and gives softmax(Q·Kᵀ/√(width/heads))·V; the heads side by side go through one
 * more linear layer. Queries, keys and values are one matrix `in_proj_weight` `[3·width, width]`, as in PyTorch.
 */
export function selfAttention(c: LayerContext, name: string, x: Value, heads: number): Value {
  const { tokens, width } = tokensOf(x);
  if (width % heads !== 0) throw internalError(`width ${width} does not make ${heads} heads`, { where: name });
  const { b } = c;
  const size = width / heads;
  const headShape: StaticShape = [0, tokens, heads, size];
  return c.layer(name, () => {
    const projected = tokenLinear(c, x, 3 * width, { weight: 'in_proj_weight', bias: 'in_proj_bias' });
    const [q = x, k = x, v = x] = split(b, projected, [width, width, width], 2);
    const queries = transpose(b, reshape(b, mul(b, q, 1 / Math.sqrt(size)), headShape), [0, 2, 1, 3]);
    const keys = transpose(b, reshape(b, k, headShape), [0, 2, 3, 1]);
    const values = transpose(b, reshape(b, v, headShape), [0, 2, 1, 3]);
    const mixed = matmul(b, softmax(b, matmul(b, queries, keys)), values);
    const joined = reshape(b, transpose(b, mixed, [0, 2, 1, 3]), [0, tokens, width]);
    return c.layer('out_proj', () => tokenLinear(c, joined, width));
  });
}
