import { z } from 'zod';
import { randomStream } from '../../src/core/random.ts';
import { float32 } from '../../src/core/tensor.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import { matmul } from '../../src/graph/functions.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { openRuntime } from '../../src/runtime/index.ts';
import { serve } from './serve.ts';

const options = z.object({ size: z.int().positive(), threads: z.int().positive() });

/** A square MatMul with a constant right operand, which ONNX Runtime packs beforehand: as fast as it multiplies here. */
await serve(options, async ({ size, threads }) => {
  const runtime = await openRuntime({ device: 'cpu', threads });
  const random = randomStream(0, 'bench', 'matmul');
  const matrix = () =>
    float32(
      [size, size],
      Float32Array.from({ length: size * size }, () => random.uniform() - 0.5),
    );
  const b = createBuilder('matmul');
  b.output(matmul(b, b.input('a', 'float32', [size, size]), b.constant(matrix(), 'b')), 'c');
  const session = await runtime.createSession(toOnnx(b.build()), 'inference');
  const a = matrix();
  return {
    facts: { version: runtime.description },
    call: async () => {
      await session.run({ a });
      return undefined;
    },
  };
});
