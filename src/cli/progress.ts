import { SingleBar } from 'cli-progress';
import type { DataProgress, OnDataProgress } from '../data/progress.ts';
import type { OnTrainEvent, TrainEvent } from '../train/events.ts';
import { duration, megabytes, percent, rate, whole } from './format.ts';
import type { OutputStream } from './io.ts';

/** Tells how a long job goes: a bar on a terminal, a line now and then elsewhere. */
export interface Reporter {
  /** One line that stays. */
  readonly line: (text: string) => void;
  /** One line that stays, unless progress is not wanted. */
  readonly progress: (text: string) => void;
  /** Progress of something that is counted; `total` absent where it is not known. */
  readonly count: (text: string, done: number, total: number | undefined) => void;
  readonly data: OnDataProgress;
  /** Progress of one training run: `index` (from 0) of `runs` runs of equal length. */
  readonly run: (title: string, index: number, runs: number) => OnTrainEvent;
  /** Takes the bar away; lines may still follow. */
  readonly close: () => void;
}

/** Lines about steps come no more often than this where there is no terminal. */
const LINE_INTERVAL_MS = 10_000;
const FRAMES_PER_SECOND = 8;

type StepEvent = Extract<TrainEvent, { kind: 'step' }>;

/** `quiet` leaves lines of progress out, but not lines that a reader must know. */
export function createReporter(stream: OutputStream, { quiet }: { readonly quiet: boolean }): Reporter {
  const bars = stream.isTTY === true && !quiet;
  let bar: SingleBar | undefined;
  let barKey = '';

  const close = (): void => {
    bar?.stop();
    bar = undefined;
    barKey = '';
  };
  const line = (text: string): void => {
    // The bar would stay on the screen above the line.
    close();
    stream.write(`${text}\n`);
  };
  const progress = (text: string): void => {
    if (!quiet) line(text);
  };
  const draw = (key: string, format: string, total: number, value: number, payload: object): void => {
    if (barKey !== key) {
      close();
      bar = new SingleBar({
        format,
        stream,
        fps: FRAMES_PER_SECOND,
        barsize: 24,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        hideCursor: true,
        clearOnComplete: true,
        linewrap: false,
        // Ctrl-C is for the command: it saves first.
        gracefulExit: false,
      });
      bar.start(total, value, payload);
      barKey = key;
    } else bar?.update(value, payload);
  };

  let countLineAt = -Infinity;
  const count = (text: string, done: number, total: number | undefined): void => {
    if (quiet) return;
    const finished = total !== undefined && done >= total;
    if (bars) {
      if (finished) close();
      else draw('count', '[{bar}] {text}', total ?? 1, total === undefined ? 0 : done, { text });
    } else if (performance.now() - countLineAt > LINE_INTERVAL_MS && !finished) {
      // The first line of a quick job would only be noise.
      if (countLineAt !== -Infinity) stream.write(`${text}\n`);
      countLineAt = performance.now();
    }
  };
  const data = ({ phase, what, done, total, unit }: DataProgress): void => {
    const amount = (value: number): string => (unit === 'bytes' ? megabytes(value) : `${whole(value)} ${unit}`);
    const verb = {
      download: 'downloading',
      extract: 'unpacking',
      index: 'listing',
      decode: 'reading',
      draw: 'drawing',
      read: 'reading',
    }[phase];
    count(`${verb} ${what}: ${amount(done)}${total === undefined ? '' : ` of ${amount(total)}`}`, done, total);
  };

  // Over all runs of this job: a second run goes at about the speed of the first.
  let stepsTaken = 0;
  let trainingMs = 0;

  const run = (title: string, index: number, runs: number): OnTrainEvent => {
    let resumedAt = performance.now();
    let lineAt = performance.now();
    let epochs = 0;
    let [previousStep, totalSteps] = [0, 0];
    let latest: StepEvent | undefined;
    let note = '';

    const tick = (): void => {
      const now = performance.now();
      trainingMs += now - resumedAt;
      resumedAt = now;
    };
    const timeLeft = (step: number): string => {
      const steps = totalSteps - step + (runs - index - 1) * totalSteps;
      return stepsTaken === 0 ? '' : duration((trainingMs / stepsTaken) * steps);
    };
    const show = (event: StepEvent): void => {
      const left = timeLeft(event.step);
      if (bars) {
        const payload = { text: `${note}${figures(event, epochs)}${left === '' ? '' : ` · ${left} left`}`, title };
        draw(`run ${title}`, '{title} [{bar}] {percentage} % · {text}', totalSteps, event.step, payload);
      } else if (!quiet && performance.now() - lineAt > LINE_INTERVAL_MS) {
        lineAt = performance.now();
        stream.write(`${title} · ${figures(event, epochs)}${left === '' ? '' : ` · ${left} left`}\n`);
      }
    };

    return (event) => {
      switch (event.kind) {
        case 'start':
          totalSteps = event.totalSteps;
          previousStep = event.step;
          epochs = event.totalSteps / event.stepsPerEpoch;
          resumedAt = performance.now();
          if (event.step > 0 && event.step < event.totalSteps)
            line(`${title} · going on at step ${event.step} of ${event.totalSteps}`);
          return;
        case 'step':
          tick();
          stepsTaken += event.step - previousStep;
          previousStep = event.step;
          latest = event;
          note = '';
          show(event);
          return;
        case 'unreadable': {
          const { files } = event;
          const named = files.slice(0, 5).join(', ') + (files.length > 5 ? ` and ${files.length - 5} more` : '');
          line(`note: ${files.length} images cannot be decoded; others took their places: ${named}`);
          return;
        }
        case 'assigning':
          note = `assigning classes, ${event.stage} ${percent(event.done / Math.max(1, event.count))} · `;
          if (latest !== undefined) show(latest);
          return;
        case 'assigned': {
          const { epoch, before, after, slots } = event.record;
          // Time that no step took must not count in the steps still to come.
          resumedAt = performance.now();
          note = '';
          if (quiet) return;
          line(
            `${title} · classes assigned to ${slots} vectors after epoch ${epoch}: mean cosine of class means with their vectors ${before.toFixed(3)} before, ${after.toFixed(3)} after`,
          );
          return;
        }
        case 'evaluating':
          note = 'validating · ';
          if (latest !== undefined) show(latest);
          return;
        case 'epoch': {
          tick();
          const { epoch, step, trainLoss, trainAccuracy, validationAccuracy, validationLoss } = event.record;
          note = '';
          if (quiet) return;
          lineAt = performance.now();
          const left = timeLeft(step);
          line(
            [
              title,
              `epoch ${epoch}/${epochs}`,
              `loss ${trainLoss.toFixed(3)}`,
              `train ${percent(trainAccuracy)}`,
              `${validationLoss === null ? 'k-NN' : 'validation'} ${percent(validationAccuracy)}`,
              ...(latest === undefined
                ? []
                : [rate(latest.imagesPerSecond), ...decodingText(latest), ...skippedText(latest)]),
              ...(left === '' || (step === totalSteps && index === runs - 1) ? [] : [`${left} left`]),
            ].join(' · '),
          );
          return;
        }
        case 'saved':
          return;
        default:
          event satisfies never;
      }
    };
  };

  return Object.freeze({ line, progress, count, data, run, close });
}

function figures(event: StepEvent, epochs: number): string {
  const { epoch, loss, accuracy, imagesPerSecond, scale } = event;
  return [
    `epoch ${epoch}/${epochs}`,
    `loss ${loss.toFixed(3)}`,
    `accuracy ${percent(accuracy)}`,
    ...(scale === undefined ? [] : [`α ${scale.toFixed(1)}`]),
    rate(imagesPerSecond),
    ...decodingText(event),
  ].join(' · ');
}

function decodingText({ decoding }: StepEvent): readonly string[] {
  if (decoding === undefined) return [];
  const { imagesPerSecond, waiting } = decoding;
  return [`decodes ${rate(imagesPerSecond)}, waits ${Math.round(100 * waiting)} % of the time for data`];
}

/** Some are usual: the first steps of mixed precision look for the scale. */
function skippedText({ skipped = 0 }: StepEvent): readonly string[] {
  return skipped === 0
    ? []
    : [`${skipped} ${skipped === 1 ? 'step' : 'steps'} skipped: gradients too large for 16-bit floats`];
}
