import type { Builder, Value } from '../builder.ts';
import { add, erf, mul, operand, type Operand } from './elementwise.ts';

/** max(0, x) element by element. */
export const relu = (b: Builder, x: Value): Value => b.op('Relu', [x], {});

/** min(max(x, low), high) element by element; a bound may be `undefined`. The gradient is 1 strictly between the bounds, else 0. */
export const clip = (b: Builder, x: Value, low: Operand | undefined, high: Operand | undefined): Value =>
  b.op(
    'Clip',
    [x, low === undefined ? undefined : operand(b, low), high === undefined ? undefined : operand(b, high)],
    {},
  );

/** min(max(x, 0), 6) element by element (Krizhevsky 2010; MobileNet-V2). */
export const relu6 = (b: Builder, x: Value): Value => clip(b, x, 0, 6);

/** x where x ≥ 0, else slope·x. */
export const leakyRelu = (b: Builder, x: Value, slope = 0.01): Value => b.op('LeakyRelu', [x], { alpha: slope });

/** x where x ≥ 0, else slope·x, with learned slopes whose shape repeats over x (He et al. 2015). */
export const prelu = (b: Builder, x: Value, slope: Value): Value => b.op('PRelu', [x, slope], {});

/** x where x > 0, else alpha·(eˣ − 1) (Clevert et al. 2015). */
export const elu = (b: Builder, x: Value, alpha = 1): Value => b.op('Elu', [x], { alpha });

/** 1/(1 + e⁻ˣ) element by element. */
export const sigmoid = (b: Builder, x: Value): Value => b.op('Sigmoid', [x], {});

/** min(max(x/6 + 1/2, 0), 1) element by element (Howard et al. 2019). */
export const hardSigmoid = (b: Builder, x: Value): Value => b.op('HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 });

/** x·min(max(x/6 + 1/2, 0), 1) element by element (Howard et al. 2019). */
export const hardSwish = (b: Builder, x: Value): Value => b.op('HardSwish', [x], {});

/** x/(1 + e⁻ˣ) element by element, also called Swish (Elfwing et al. 2017). */
export const silu = (b: Builder, x: Value): Value => mul(b, x, sigmoid(b, x));

/** tanh x element by element. */
export const tanh = (b: Builder, x: Value): Value => b.op('Tanh', [x], {});

/** log(1 + eˣ) element by element. */
export const softplus = (b: Builder, x: Value): Value => b.op('Softplus', [x], {});

/** x·tanh(log(1 + eˣ)) element by element (Misra 2019). */
export const mish = (b: Builder, x: Value): Value => b.op('Mish', [x], {});

/**
 * x·Φ(x) with Φ the standard normal distribution function (Hendrycks & Gimpel 2016): `none` is exact, x/2·(1 + erf(x/√2));
 * `tanh` approximates Φ by ½·(1 + tanh(√(2/π)·(x + 0.044715·x³))), within 5e-4 of it. Written with older operators, because
 * Gelu itself came with opset 20.
 */
export function gelu(b: Builder, x: Value, approximate: 'none' | 'tanh' = 'none'): Value {
  const half = mul(b, x, 0.5);
  switch (approximate) {
    case 'none':
      return mul(b, half, add(b, erf(b, mul(b, x, Math.SQRT1_2)), 1));
    case 'tanh': {
      const cubic = mul(b, x, add(b, mul(b, mul(b, x, x), 0.044715), 1));
      return mul(b, half, add(b, tanh(b, mul(b, cubic, Math.sqrt(2 / Math.PI))), 1));
    }
    default:
      return approximate satisfies never;
  }
}
