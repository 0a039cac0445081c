import { randomStream } from '../../src/core/random.ts';
import { openHead } from '../../src/wasm/index.ts';
import { describe, wasmOptions } from './head-description.ts';
import { serve } from './serve.ts';

/** The WebAssembly head in Node, from features in an array to logits, or the five best classes, in an array. */
await serve(wasmOptions, async (options) => {
  const head = await openHead(describe(options));
  const random = randomStream(0, 'bench', 'head');
  const features = Float32Array.from({ length: options.batch * options.features }, () => Math.abs(random.normal()));
  const logits = new Float32Array(options.result === 'logits' ? options.batch * options.classes : 0);
  return {
    facts: {},
    call: () => {
      if (options.result === 'logits') head.logits(features, logits);
      else head.topK(features, 5);
      return Promise.resolve(undefined);
    },
  };
});
