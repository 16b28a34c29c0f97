/** What the thread is told of its inputs: it reads them by their index. */
export interface LogAnalysisInputs {
  readonly sources: readonly {
    readonly name: string;
    readonly role: 'current' | 'baseline';
    /** As they are stored. */
    readonly bytes: number;
  }[];
  readonly maxUnpackedBytes: number;
  readonly spillFolder: string;
}
