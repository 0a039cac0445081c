/** What a bench measured: one contender of ours against one peer. `null` where that side could not run; `note` says why. */
export interface Row {
  readonly case: string;
  /** Median, in `unit`. */
  readonly ours: number | null;
  readonly peer: number | null;
  /** ours / peer: below 1 we are faster. */
  readonly ratio: number | null;
  readonly peerName: string;
  readonly unit: 'ms' | 'µs';
  /** Quartiles of ours / peer over the rounds, in which both ran right after each other. */
  readonly ratioLow: number | null;
  readonly ratioHigh: number | null;
  /** A time that no implementation on this machine can go below; the bench says how it is found. */
  readonly floor: number | null;
  readonly oursOverFloor: number | null;
  readonly note?: string;
  /** Further numbers of a bench, peak memory for instance. */
  readonly [extra: string]: string | number | null | undefined;
}

/** The machine and the software that a document's numbers hold for. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly os: string;
  readonly node: string;
  readonly onnxruntime: string;
  /** Processes that wanted to run in the minute before (Unix); numbers taken beside others say little. */
  readonly loadBefore: number;
  /** Version of each peer that ran, by name. */
  readonly peers: Readonly<Record<string, string>>;
}

/** What `npm run bench -- NAME --json` prints. */
export interface BenchDocument {
  readonly name: string;
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

/** What a bench returns. */
export interface Measured {
  readonly rows: readonly Row[];
  readonly peers: Readonly<Record<string, string>>;
}

/** Receives lines for the reader while a bench runs. */
export type Progress = (line: string) => void;
