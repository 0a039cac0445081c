import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The WebAssembly module that AssemblyScript makes of src/wasm/assembly. In a process: its types would replace JavaScript's own. */
export async function compileHead(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-wasm-'));
  const file = join(folder, 'head.wasm');
  const options = [
    ['src/wasm/assembly/head.ts', '--outFile', file],
    // Speed first: the passes of the transform are inlined.
    ['-O3', '--converge', '--noAssert', '--enable', 'simd'],
    // No imports at all: nothing is allocated or thrown inside, the host lays out the memory.
    ['--runtime', 'stub', '--use', 'abort=', '--initialMemory', '1'],
  ].flat();
  try {
    await promisify(execFile)(process.execPath, ['node_modules/assemblyscript/bin/asc.js', ...options], { cwd: root });
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
