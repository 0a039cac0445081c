/** Numbers as people read them in a terminal. */

/** A fraction as a percentage with two decimals. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

export function rate(imagesPerSecond: number): string {
  return `${whole(imagesPerSecond)} images/s`;
}

/** With commas between thousands. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Bytes in the unit that leaves a short number. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : megabytes(count);
}

/** Milliseconds as `42 s`, `3 min 20 s` or `2 h 05 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
