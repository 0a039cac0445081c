import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compileWasm, moduleSource, wasmModules } from '../../tools/build-wasm.ts';
import { randomStream } from '../core/random.ts';
import { compileModuleSync, instantiate } from './instance.ts';

const file = (name: string): URL => new URL(name, import.meta.url);

describe('the module', () => {
  test('is what its source compiles to', async () => {
    expect(await readFile(file('module.ts'), 'utf8')).toBe(
      moduleSource(wasmModules.head, await compileWasm(wasmModules.head)),
    );
  });

  test('imports nothing', () => {
    expect(WebAssembly.Module.imports(compileModuleSync())).toEqual([]);
  });

  test('and all that `fixhead/head` loads are relative imports', async () => {
    const seen = new Set<string>();
    const visit = async (url: URL): Promise<void> => {
      if (seen.has(url.href)) return;
      seen.add(url.href);
      const text = await readFile(url, 'utf8');
      for (const [, type, name = ''] of text.matchAll(/^(?:import|export)(\s+type)?[^;]*?from '([^']+)';/gms)) {
        if (type !== undefined) continue;
        expect(name, fileURLToPath(url)).toMatch(/^\.\.?\//);
        await visit(new URL(name, url));
      }
    };
    await visit(file('index.ts'));
    expect(seen.size).toBeGreaterThan(8);
  });
});

describe('transform', () => {
  const { memory, transform } = instantiate(compileModuleSync());
  const address = 65536;
  memory.grow(Math.ceil((4 * 2 ** 17) / 65536) + 1);

  test.each(Array.from({ length: 18 }, (_, m) => m))('of 2^%d floats', (m) => {
    const n = 2 ** m;
    const random = randomStream(0, 'transform', m);
    const x = Float64Array.from({ length: n }, () => Math.fround(random.normal()));
    const values = new Float32Array(memory.buffer, address, n);
    values.set(x);
    // What is behind the vector must not change; a vector that is not filled ends in zeros.
    const behind = new Float32Array(memory.buffer, address + 4 * Math.max(4, n), 4);
    new Float32Array(memory.buffer, address + 4 * n, Math.max(0, 4 - n)).fill(0);
    behind.fill(7);
    transform(address, m);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.abs(x[i] ?? 0);
    for (let h = 1; h < n; h *= 2) {
      for (let i = 0; i < n; i++) {
        if ((i & h) !== 0) continue;
        const [a, b] = [x[i] ?? 0, x[i + h] ?? 0];
        x[i] = a + b;
        x[i + h] = a - b;
      }
    }
    // Each of the m additions behind a value rounds sums of at most Σ|x| by 2⁻²⁴.
    const tolerance = m * 2 ** -24 * sum;
    expect(values.every((value, i) => Math.abs(value - (x[i] ?? NaN)) <= tolerance)).toBe(true);
    expect([...behind]).toEqual([7, 7, 7, 7]);
  });
});
