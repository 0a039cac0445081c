/** How far a long data job is: bytes downloaded, archive entries unpacked, images decoded, characters drawn, texts read. */
export interface DataProgress {
  readonly phase: 'download' | 'extract' | 'index' | 'decode' | 'draw' | 'read';
  /** The file, archive or folder at work. */
  readonly what: string;
  readonly done: number;
  /** Absent where the total is not known before the end. */
  readonly total?: number;
  readonly unit: 'bytes' | 'entries' | 'images' | 'fonts' | 'files';
}

/** Receives the progress of reading, downloading or unpacking data. */
export type OnDataProgress = (progress: DataProgress) => void;
