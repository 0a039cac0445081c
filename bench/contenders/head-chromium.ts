import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { z } from 'zod';
import { describe, wasmOptions, type WasmOptions } from './head-description.ts';
import { serve } from './serve.ts';

const options = wasmOptions.extend({ chromium: z.string() });
const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The page asks for work, does it and answers. Its clock has steps of some microseconds, so a time is that of as many calls as take a
 * millisecond, divided by their number.
 */
const script = ({ batch, features, result }: WasmOptions): string => `
import { openHead } from '/src/wasm/index.ts';
const ask = async (answer) => (await fetch('/work', { method: 'POST', body: JSON.stringify(answer) })).json();
try {
  const description = await (await fetch('/description')).json();
  const head = await openHead({ ...description, bias: new Float32Array(description.classes) });
  const x = Float32Array.from({ length: ${batch * features} }, () => Math.random());
  const logits = new Float32Array(${result === 'logits' ? `${batch} * description.classes` : '0'});
  const call = () => ${result === 'logits' ? 'head.logits(x, logits)' : 'head.topK(x, 5)'};
  const timed = (count) => {
    const started = performance.now();
    for (let i = 0; i < count; i++) call();
    return performance.now() - started;
  };
  let each = 1;
  while (timed(each) < 1) each *= 2;
  let answer = { ready: { browser: navigator.userAgent } };
  for (;;) {
    const { run } = await ask(answer);
    answer = { milliseconds: Array.from({ length: run }, () => timed(each) / each) };
  }
} catch (problem) {
  await ask({ problem: String(problem) });
}
`;

const pageAnswer = z.union([
  z.object({ ready: z.record(z.string(), z.string()) }),
  z.object({ milliseconds: z.array(z.number()) }),
  z.object({ problem: z.string() }),
]);
type PageAnswer = z.infer<typeof pageAnswer>;

/** A queue of one. */
function mailbox<T>() {
  let deliver: ((value: T) => void) | undefined;
  let waiting: T | undefined;
  return {
    put: (value: T): void => {
      if (deliver === undefined) waiting = value;
      else deliver(value);
      deliver = undefined;
    },
    take: (): Promise<T> => {
      const value = waiting;
      waiting = undefined;
      return value === undefined ? new Promise((resolve) => (deliver = resolve)) : Promise.resolve(value);
    },
  };
}

async function body(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

/** Serves our TypeScript as the JavaScript that the compiler makes of it, module by module. */
async function openPage(settings: z.infer<typeof options>) {
  const answers = mailbox<PageAnswer>();
  const work = mailbox<object>();
  const { bias: _, ...description } = describe(settings);
  const reply = async (request: IncomingMessage): Promise<readonly [type: string, text: string]> => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/') return ['text/html', '<!doctype html><script type="module" src="/script.js"></script>'];
    if (path === '/script.js') return ['text/javascript', script(settings)];
    if (path === '/description') return ['application/json', JSON.stringify(description)];
    if (path === '/work') {
      answers.put(pageAnswer.parse(JSON.parse(await body(request))));
      return ['application/json', JSON.stringify(await work.take())];
    }
    if (!/^\/src\/[\w/-]+\.ts$/.test(path)) return ['text/plain', ''];
    const compilerOptions = {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    };
    return [
      'text/javascript',
      ts.transpileModule(await readFile(join(root, path), 'utf8'), { compilerOptions }).outputText,
    ];
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    reply(request).then(
      ([type, text]) => {
        // Isolated from other origins, a page gets the finer clock.
        response.writeHead(200, {
          'content-type': type,
          'cross-origin-opener-policy': 'same-origin',
          'cross-origin-embedder-policy': 'require-corp',
        });
        response.end(text);
      },
      (problem: unknown) => {
        response.writeHead(500).end();
        answers.put({ problem: String(problem) });
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const profile = await mkdtemp(join(tmpdir(), 'fixhead-chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${profile}`];
  const browser = spawn(settings.chromium, [...flags, `http://127.0.0.1:${port}/`], { stdio: 'ignore' });
  browser.once('error', () => {
    answers.put({ problem: `${settings.chromium} is not installed` });
  });
  return {
    answer: answers.take,
    ask: (question: object) => {
      work.put(question);
      return answers.take();
    },
    close: async () => {
      const ended = new Promise((resolve) => browser.once('exit', resolve));
      if (browser.pid !== undefined && browser.kill()) await ended;
      server.closeAllConnections();
      server.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The WebAssembly head in a page of headless Chromium. */
let page: Awaited<ReturnType<typeof openPage>> | undefined;
try {
  await serve(options, async (settings) => {
    const opened = (page = await openPage(settings));
    const first = await opened.answer();
    if (!('ready' in first)) return 'problem' in first ? first.problem : 'the page did not start';
    return {
      facts: first.ready,
      call: async () => {
        const answer = await opened.ask({ run: 1 });
        if (!('milliseconds' in answer)) throw new Error('problem' in answer ? answer.problem : 'no times');
        return answer.milliseconds[0];
      },
    };
  });
} finally {
  await page?.close();
}
