/** One input that was found, and may be read any number of times. */
export interface OpenLog {
  /** Shown in the report. */
  readonly name: string;
  /** As it is stored. */
  readonly bytes: number;
  /** From its beginning. Reading that is left early ends with `return`. @throws MoltbotError */
  read(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>;
  close(): Promise<void>;
}
