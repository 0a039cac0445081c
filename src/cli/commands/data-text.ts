import type { Command } from 'commander';
import { findTextEntry, textCatalog } from '../../data/text/catalog.ts';
import { openCorpus } from '../../data/text/corpus.ts';
import { describeCorpus, differencesFromPublished } from '../../data/text/describe.ts';
import { splitNames } from '../../data/text/layout.ts';
import { fetchText } from '../../data/text/locate-corpus.ts';
import { percent, whole } from '../format.ts';
import { exitCodes, outputOf, type CliContext } from '../io.ts';
import { createReporter } from '../progress.ts';
import { addTextOptions, textOptionsOf, type TextFlags } from '../text-options.ts';

/** What the commands about text take besides. */
export interface TextCommandFlags extends TextFlags {
  readonly json?: true;
  readonly dataDir?: string;
  readonly mirror?: string;
  readonly quiet?: true;
}

/** `fixhead data describe TEXT…`, and one command for each corpus that is known by name. */
export function addTextData(nested: (usage: string, description: string) => Command, context: CliContext): void {
  const about = (usage: string, description: string): Command =>
    addTextOptions(nested(usage, description)).option('--quiet', 'no progress');
  about('describe <text...>', 'Reads text (a corpus, a folder or files) and tells its parts and its words.').action(
    async (inputs: string[], flags: TextCommandFlags) => {
      await describeText(inputs, flags, context);
    },
  );
  for (const { name, description, format } of textCatalog) {
    const command = about(name, `Fetches, checks and describes a text corpus: ${description}.`);
    if (format !== 'npm') command.option('--mirror <address>', 'a copy of the published files that is tried first');
    command.action(async (flags: TextCommandFlags) => {
      await describeText([name], { ...flags, fetch: true }, context);
    });
  }
}

/** Prints what text holds; with `fetch`, a named corpus that is not on this machine is downloaded before. */
export async function describeText(
  inputs: readonly string[],
  flags: TextCommandFlags & { readonly fetch?: true },
  { io, setExitCode }: CliContext,
): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  const places = flags.dataDir === undefined ? {} : { cacheDirectory: flags.dataDir };
  try {
    const entry = findTextEntry(inputs[0] ?? '');
    if (entry !== undefined && flags.fetch === true) {
      const mirror = flags.mirror === undefined ? {} : { mirror: flags.mirror };
      await fetchText(entry, { ...places, ...mirror, onProgress: reporter.data });
    }
    const corpus = await openCorpus(inputs, { ...textOptionsOf(flags), ...places, onProgress: reporter.data });
    reporter.close();
    const description = describeCorpus(corpus);
    const { name, how, tokens, lines, vocabulary, unknownShare, mostFrequent, sample, fingerprint } = description;
    const chosen = flags.minCount !== undefined || flags.maxWords !== undefined || flags.lowercase === true;
    const problems = entry === undefined || chosen ? [] : differencesFromPublished(corpus);
    output.print(`${name}: ${how}`);
    for (const split of splitNames) {
      const ends = `${whole(lines[split])} ${lines[split] === 1 ? 'line' : 'lines'}`;
      output.print(`  ${split}: ${whole(tokens[split])} tokens, ${ends}, ${percent(unknownShare[split])} unknown`);
    }
    output.print(`  vocabulary: ${whole(vocabulary)} words`);
    output.print(`  most frequent: ${mostFrequent.map(({ word }) => word).join(' ')}`);
    output.print(`  sample: ${sample}`);
    output.print(`  fingerprint: ${fingerprint}`);
    for (const problem of problems) output.print(`problem: ${problem}`);
    output.document({ ...description, ok: problems.length === 0, problems });
    if (problems.length > 0) setExitCode(exitCodes.failed);
  } finally {
    reporter.close();
  }
}
