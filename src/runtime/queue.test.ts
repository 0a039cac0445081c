import { expect, test } from 'vitest';
import { serialQueue } from './queue.ts';

test('tasks run one after another in the order of the calls', async () => {
  const enqueue = serialQueue();
  const events: string[] = [];
  const task = (name: string) => async (): Promise<string> => {
    events.push(`${name} starts`);
    await new Promise((resolve) => setImmediate(resolve));
    events.push(`${name} ends`);
    return name;
  };
  expect(await Promise.all([enqueue(task('a')), enqueue(task('b'))])).toEqual(['a', 'b']);
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends']);
});

test('a failure rejects its own caller and no later one', async () => {
  const enqueue = serialQueue();
  const failed = enqueue(() => Promise.reject(new Error('broken')));
  const later = enqueue(() => Promise.resolve('fine'));
  await expect(failed).rejects.toThrow('broken');
  await expect(later).resolves.toBe('fine');
  await expect(enqueue(() => Promise.resolve('still fine'))).resolves.toBe('still fine');
});
