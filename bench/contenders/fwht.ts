import { z } from 'zod';
import { compileModuleSync, instantiate } from '../../src/wasm/instance.ts';
import { serve } from './serve.ts';

const options = z.object({ exponent: z.int().positive(), transforms: z.int().positive() });

const ADDRESS = 65536;

/** The WebAssembly transform in place; a call is several, because a clock does not see a single one. */
await serve(options, ({ exponent, transforms }) => {
  const { memory, transform } = instantiate(compileModuleSync());
  memory.grow(Math.ceil((4 * 2 ** exponent) / 65536));
  return Promise.resolve({
    facts: {},
    call: () => {
      const started = performance.now();
      for (let count = 0; count < transforms; count++) transform(ADDRESS, exponent);
      return Promise.resolve((performance.now() - started) / transforms);
    },
  });
});
