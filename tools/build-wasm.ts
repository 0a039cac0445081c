import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { main } from 'assemblyscript/asc';
import { internalError } from '../src/core/errors.ts';

const entry = 'src/wasm/assembly/head.ts';
const root = fileURLToPath(new URL('..', import.meta.url));

/** The WebAssembly module that AssemblyScript makes of src/wasm/assembly. */
export async function compileHead(): Promise<Uint8Array> {
  const written = new Map<string, Uint8Array>();
  const options = [
    ['--baseDir', root, '--outFile', 'head.wasm'],
    // Speed first: the passes of the transform are inlined.
    ['-O3', '--converge', '--noAssert', '--enable', 'simd'],
    // No imports at all: nothing is allocated or thrown inside, the host lays out the memory.
    ['--runtime', 'stub', '--use', 'abort=', '--initialMemory', '1'],
  ].flat();
  const { error } = await main([entry, ...options], {
    writeFile: (name, contents) => {
      if (typeof contents !== 'string') written.set(name, contents);
    },
  });
  const module = written.get('head.wasm');
  if (error !== null || module === undefined) {
    throw internalError('the AssemblyScript source does not compile', {
      where: entry,
      received: error?.message ?? 'no output',
    });
  }
  return module;
}

/** The TypeScript file that holds the module. */
export function moduleSource(module: Uint8Array): string {
  return [
    '/** The module of src/wasm/assembly in base64. Generated: change the source, then `npm run build:wasm`. */',
    `export const headModule =\n  '${Buffer.from(module).toString('base64')}';`,
    '',
  ].join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const module = await compileHead();
  await writeFile(new URL('../src/wasm/module.ts', import.meta.url), moduleSource(module));
  process.stdout.write(`src/wasm/module.ts: ${module.length} bytes of WebAssembly\n`);
}
