import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { TrainEvent } from '../train/events.ts';
import { createReporter } from './progress.ts';
import { recordingStream } from '../../test/support/cli.ts';

const totalSteps = 20;

/** The events of a run in which each step takes `stepMs`. */
function play(emit: (event: TrainEvent) => void, stepMs: number, upTo = totalSteps): void {
  emit({ kind: 'start', step: 0, totalSteps, stepsPerEpoch: 10, lowering: 'portable' });
  for (let step = 1; step <= upTo; step++) {
    vi.advanceTimersByTime(stepMs);
    const numbers = { loss: 0.5, accuracy: 0.75, imagesPerSecond: 1234, learningRate: 0.1, scale: undefined };
    emit({ kind: 'step', step, totalSteps, epoch: Math.ceil(step / 10), ...numbers });
  }
}

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

describe('progress where there is no terminal', () => {
  it('writes a line every ten seconds or so, with the time left for all runs', () => {
    fakeTime();
    const stream = recordingStream();
    const reporter = createReporter(stream, { quiet: false });
    play(reporter.run('1/2 learned', 0, 2), 4000);
    const lines = stream.text().trim().split('\n');
    // 80 seconds; the first line after more than ten, which is after three steps of four seconds.
    expect(lines).toHaveLength(6);
    // 17 steps of this run and 20 of the next, 4 seconds each.
    expect(lines[0]).toBe('1/2 learned · epoch 1/2 · loss 0.500 · accuracy 75.00 % · 1,234 images/s · 2 min 28 s left');
  });

  it('says nothing about steps that are quicker, nor with quiet', () => {
    fakeTime();
    const stream = recordingStream();
    play(createReporter(stream, { quiet: false }).run('learned', 0, 1), 100);
    play(createReporter(stream, { quiet: true }).run('learned', 0, 1), 60_000);
    expect(stream.text()).toBe('');
  });

  it('reports slow downloads now and then, in megabytes', () => {
    fakeTime();
    const stream = recordingStream();
    const { data } = createReporter(stream, { quiet: false });
    for (let done = 0; done <= 100; done++) {
      data({ phase: 'download', what: 'cifar.tar.gz', done: done * 1e6, total: 1e8, unit: 'bytes' });
      vi.advanceTimersByTime(1000);
    }
    const lines = stream.text().trim().split('\n');
    expect(lines).toHaveLength(9);
    expect(lines[0]).toBe('downloading cifar.tar.gz: 11.0 MB of 100.0 MB');
  });
});

describe('progress on a terminal', () => {
  it('draws one bar, takes it away for lines that stay, and gives the cursor back', () => {
    fakeTime();
    const stream = recordingStream({ isTTY: true, columns: 120 });
    const reporter = createReporter(stream, { quiet: false });
    play(reporter.run('hadamard', 0, 1), 500, 10);
    reporter.line('a line that stays');
    reporter.close();
    const text = stream.text();
    expect(text).toMatch(
      /hadamard \[█+░+\] 50 % · epoch 1\/2 · loss 0\.500 · accuracy 75\.00 % · 1,234 images\/s · 5 s left/,
    );
    expect(text.lastIndexOf('\u001B[?25h')).toBeGreaterThan(text.lastIndexOf('\u001B[?25l'));
    expect(text.endsWith('a line that stays\n')).toBe(true);
  });
});
