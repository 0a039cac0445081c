/** Runs tasks one after another, in the order of the calls. */
export type SerialQueue = <T>(task: () => Promise<T>) => Promise<T>;

/** A queue in which a task that fails rejects its own caller and no other. */
export function serialQueue(): SerialQueue {
  let tail: Promise<void> = Promise.resolve();
  return <T>(task: () => Promise<T>): Promise<T> => {
    const result = tail.then(task);
    // The tail must not reject: every later task is chained to it.
    tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  };
}
