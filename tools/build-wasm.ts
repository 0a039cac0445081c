import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** An AssemblyScript source and the TypeScript file that holds what it compiles to. */
interface WasmModule {
  readonly source: string;
  readonly file: string;
  /** The constant of that file. */
  readonly name: string;
  readonly options: readonly string[];
}

export const wasmModules = {
  head: {
    source: 'src/wasm/assembly/head.ts',
    file: 'src/wasm/module.ts',
    name: 'headModule',
    options: ['--initialMemory', '1'],
  },
  skipGram: {
    source: 'src/embeddings/assembly/skip-gram.ts',
    file: 'src/embeddings/skip-gram-module.ts',
    name: 'skipGramModule',
    // The host makes the memory, which threads share; 65536 pages are all that 32-bit addresses reach.
    options: [
      '--enable',
      'threads',
      '--importMemory',
      '--sharedMemory',
      '--initialMemory',
      '1',
      '--maximumMemory',
      '65536',
    ],
  },
} as const satisfies Record<string, WasmModule>;

/** The WebAssembly that AssemblyScript makes of a source. In a process: its types would replace JavaScript's own. */
export async function compileWasm({ source, options }: WasmModule): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-wasm-'));
  const file = join(folder, 'module.wasm');
  const common = [
    [source, '--outFile', file],
    // Speed first: the passes of the transform are inlined.
    ['-O3', '--converge', '--noAssert', '--enable', 'simd'],
    // No functions are imported: nothing is allocated or thrown inside, the host lays out the memory.
    ['--runtime', 'stub', '--use', 'abort='],
  ].flat();
  const command = ['node_modules/assemblyscript/bin/asc.js', ...common, ...options];
  try {
    await promisify(execFile)(process.execPath, command, { cwd: root });
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The TypeScript file that holds the module. */
export function moduleSource({ source, name }: WasmModule, module: Uint8Array): string {
  return [
    `/** The module of ${dirname(source)} in base64. Generated: change the source, then \`npm run build:wasm\`. */`,
    `export const ${name} =\n  '${Buffer.from(module).toString('base64')}';`,
    '',
  ].join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const each of Object.values(wasmModules)) {
    const module = await compileWasm(each);
    await writeFile(new URL(`../${each.file}`, import.meta.url), moduleSource(each, module));
    process.stdout.write(`${each.file}: ${module.length} bytes of WebAssembly\n`);
  }
}
