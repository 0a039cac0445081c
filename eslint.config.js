import boundaries from 'eslint-plugin-boundaries';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** What each layer of `src/` may import: only layers below it (docs/architecture.md). */
const below = {
  core: [],
  graph: ['core'],
  data: ['core'],
  embeddings: ['core', 'data'],
  autodiff: ['core', 'graph'],
  lowering: ['core', 'graph'],
  nn: ['core', 'graph'],
  optim: ['core', 'graph'],
  runtime: ['core', 'graph', 'lowering'],
  heads: ['core', 'graph', 'nn'],
  wasm: ['core', 'heads'],
  models: ['core', 'graph', 'nn', 'heads'],
  surgery: ['core', 'graph', 'autodiff', 'nn', 'heads'],
  train: ['core', 'graph', 'data', 'autodiff', 'lowering', 'nn', 'optim', 'runtime', 'heads'],
  language: ['core', 'graph', 'data', 'autodiff', 'lowering', 'nn', 'optim', 'runtime', 'heads', 'models', 'train'],
  report: ['core', 'graph', 'data', 'heads', 'train', 'language'],
  runs: [
    'core',
    'graph',
    'data',
    'embeddings',
    'lowering',
    'nn',
    'optim',
    'runtime',
    'heads',
    'wasm',
    'models',
    'surgery',
    'train',
    'language',
    'report',
  ],
  cli: [
    'core',
    'graph',
    'data',
    'embeddings',
    'nn',
    'optim',
    'runtime',
    'heads',
    'models',
    'surgery',
    'train',
    'language',
    'report',
    'runs',
  ],
};

/** Layers that run in a browser and therefore import nothing from Node. */
const portable = ['core', 'graph', 'autodiff', 'lowering', 'nn', 'optim', 'heads', 'wasm', 'models', 'surgery'];

export default tseslint.config(
  { ignores: ['src/*/assembly', 'dist', 'coverage', 'docs/api', 'node_modules'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.js'] }, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['**/*.test.ts', '**/*.test-d.ts'],
    plugins: { boundaries },
    settings: {
      'boundaries/elements': Object.keys(below).map((type) => ({ type, pattern: `src/${type}` })),
    },
    rules: {
      'boundaries/dependencies': [
        'error',
        {
          default: 'disallow',
          policies: Object.entries(below).map(([from, allowed]) => ({
            from: { element: { type: from } },
            allow: [from, ...allowed].map((type) => ({ to: { element: { type } } })),
          })),
        },
      ],
    },
  },
  {
    files: portable.map((layer) => `src/${layer}/**/*.ts`),
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: ['node:*'] }] },
  },
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
  prettier,
);
