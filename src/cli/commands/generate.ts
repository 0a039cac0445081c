import type { Command } from 'commander';
import { generateText } from '../../runs/generate.ts';
import { outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';
import { addDeviceOptions, openDevice, type DeviceFlags } from '../run-options.ts';

interface GenerateFlags extends DeviceFlags {
  readonly prompt: string;
  readonly words: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly seed: number;
  readonly json?: true;
}

const examples = `
Examples:
  $ fixhead generate runs/lm-sotu-word2vec-fixed-tied --prompt "The state of the union"
  $ fixhead generate model.onnx --words 200 --temperature 0.7 --top-k 50 --seed 3

Words of the prompt that the model does not know are read as <unk>, and named; a prompt of nothing else is refused. <unk> is never
written. --json prints {model, prompt, text, tokens, unknown, seed}.`;

/** `fixhead generate`: text that a language model writes. */
export function addGenerate(program: Command, context: CliContext): void {
  const command = program
    .command('generate')
    .summary('write text with a language model')
    .description('Writes on from a prompt, drawing each word from what a trained language model expects.')
    .argument('<model>', 'a run of fixhead lm, or its model.onnx')
    .option('--prompt <text>', 'how the text begins', '')
    .option('--words <n>', 'how many words to write', parse.whole('--words', 1), 100)
    .option(
      '--temperature <t>',
      'below 1: more probable words; 0: always the most probable one',
      parse.real('--temperature', { least: 0 }),
      0.8,
    )
    .option('--top-k <k>', 'draw from the K most probable words only', parse.whole('--top-k', 1))
    .option('--seed <n>', 'another seed writes another text', parse.whole('--seed', 0), 0);
  addDeviceOptions(command)
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addHelpText('after', examples)
    .action(async (model: string, flags: GenerateFlags) => {
      await generate(model, flags, context);
    });
}

async function generate(model: string, flags: GenerateFlags, { io }: CliContext): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const log = (line: string): void => void io.stderr.write(`${line}\n`);
  const runtime = await openDevice(flags, log);
  const { prompt, temperature, words, seed, topK } = flags;
  const written = await generateText(model, prompt, {
    runtime,
    words,
    temperature,
    seed,
    ...(topK === undefined ? {} : { topK }),
    ...(io.signal === undefined ? {} : { signal: io.signal }),
  });
  if (written.unknown.length > 0) log(`note: the model does not know ${written.unknown.join(', ')}; it read <unk>`);
  output.print(written.text);
  const { text, tokens, unknown } = written;
  output.document({ model, prompt: written.prompt, text, tokens, unknown, seed });
}
