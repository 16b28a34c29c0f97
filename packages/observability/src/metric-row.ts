/** A metric's name and meaning; `labels` in the order in which they are looked up. */
export interface MetricRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Labels that are left out where they have no value (`error_type` of what went well), as OpenTelemetry has it. */
  readonly optional?: readonly string[];
  /**
   * Values of all labels that are known beforehand: each combination counts from zero, so that the first event is seen as a change.
   */
  readonly known?: Readonly<Record<string, readonly string[]>>;
  /** A gauge without labels that is not zero where nobody has set it, but is not there. */
  readonly unsetIsAbsent?: true;
  /** Upper bounds in the metric's unit; of histograms only. */
  readonly buckets?: readonly number[];
  /** How a gauge is read over several processes; counters and histograms are summed. */
  readonly across?: Across;
}

/**
 * - `sum`: each process tells its own part
 * - `max`, `min`: all tell of the same thing; this one is the careful reading
 * - `each`: means nothing but for one process
 */
export type Across = 'sum' | 'max' | 'min' | 'each';

export function acrossOf(row: MetricRow): Across {
  return row.across ?? 'sum';
}
