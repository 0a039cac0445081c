import type { NeighbourBaselines } from '../runs/baselines.ts';
import type { Judgement } from '../train/judge.ts';
import { percent, whole } from './format.ts';

/** How a model did, as data: what `--json` prints. */
export function judgementDocument(judgement: Judgement) {
  const { accuracy, top5, count } = judgement;
  if ('loss' in judgement) return { accuracy, top5, loss: judgement.loss, count };
  const { nearest, vote } = judgement;
  return { accuracy, nearest, top5, neighbours: vote.neighbours, temperature: vote.temperature, count };
}

/** How often neighbours were right, for a line of text. */
export function neighbourText({ accuracy, nearest }: { readonly accuracy: number; readonly nearest: number }): string {
  return `${percent(accuracy)} (${percent(nearest)} by the nearest one alone)`;
}

/** What the features of a model had to beat. */
export function baselineText({ pixels, untrained }: NeighbourBaselines): string {
  return `To beat: raw pixels ${neighbourText(pixels)}, the untrained network ${neighbourText(untrained)}`;
}

/** `validation accuracy 91.20 % (10,000 images)`, or what neighbours make of features. */
export function judgementText(judgement: Judgement): string {
  const images = `${whole(judgement.count)} images`;
  if ('loss' in judgement) return `validation accuracy ${percent(judgement.accuracy)} (${images})`;
  return `k-NN accuracy ${neighbourText(judgement)}, ${images}, ${whole(judgement.vote.neighbours)} neighbours`;
}
