import { mapVariables, type Template, type VariableMap } from '../miner/template.js';
import type { MaskedMessage } from '../scanner/masked-message.js';
import { QuantileSketch } from './quantile-sketch.js';
import type { Series, Timelines } from './timelines.js';
import { TopValues } from './top-values.js';

export const MAX_SAMPLES = 3;
const MAX_SAMPLE_BYTES = 600;
/** Variables of a template whose values are counted. */
const MAX_COUNTED_VARIABLES = 8;
/** After so many lines every 16th is looked at, and counts for 16. */
const ALL_VALUES_UP_TO = 512;
const VALUE_STEP = 16;

/** What is known of one template. */
export interface TemplateStats {
  count: number;
  /** Lines in the baseline; not in `count`. */
  baseline: number;
  errors: number;
  warnings: number;
  firstMs: number;
  lastMs: number;
  firstLine: number;
  lastLine: number;
  readonly samples: string[];
  series: Series | undefined;
  durations: QuantileSketch | undefined;
  values: (TopValues | undefined)[];
}

/** Limits over all templates together; what finds no place is counted. */
export interface StatsBudget {
  variables: number;
  sketches: number;
  variablesSkipped: number;
  sketchesSkipped: number;
}

export const newStatsBudget = (): StatsBudget => ({
  variables: 6_000,
  sketches: 2_000,
  variablesSkipped: 0,
  sketchesSkipped: 0,
});

export function statsOf(template: Template): TemplateStats {
  template.attachment ??= {
    count: 0,
    baseline: 0,
    errors: 0,
    warnings: 0,
    firstMs: Number.NaN,
    lastMs: Number.NaN,
    firstLine: 0,
    lastLine: 0,
    samples: [],
    series: undefined,
    durations: undefined,
    values: [],
  } satisfies TemplateStats;
  return template.attachment as TemplateStats;
}

export function addSample(stats: TemplateStats, bytes: Uint8Array, start: number, end: number): void {
  const stop = Math.min(end, start + MAX_SAMPLE_BYTES);
  stats.samples.push(Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).toString('utf8'));
}

/** Counts the values of the line that the scanner has just read. */
export function addValues(
  stats: TemplateStats,
  template: Template,
  message: MaskedMessage,
  map: VariableMap | undefined,
  bytes: Uint8Array,
  budget: StatsBudget,
): void {
  let weight = 1;
  if (stats.count > ALL_VALUES_UP_TO) {
    if (stats.count % VALUE_STEP !== 0) return;
    weight = VALUE_STEP;
  }
  const length = Math.min(template.variables.length, MAX_COUNTED_VARIABLES);
  for (let index = 0; index < length; index += 1) {
    let top = stats.values[index];
    if (top === undefined) {
      if (budget.variables === 0) {
        budget.variablesSkipped += 1;
        return;
      }
      budget.variables -= 1;
      top = new TopValues();
      stats.values[index] = top;
    }
    const source = map === undefined ? index : (map.sources[index] as number);
    if (source >= 0) top.add(bytes, message.starts[source] as number, message.ends[source] as number, weight);
    else top.addText(map?.words[index] ?? '', weight);
  }
}

export function addDuration(
  stats: { durations: QuantileSketch | undefined },
  value: number,
  budget: StatsBudget,
): void {
  if (stats.durations === undefined) {
    if (budget.sketches === 0) {
      budget.sketchesSkipped += 1;
      return;
    }
    budget.sketches -= 1;
    stats.durations = new QuantileSketch();
  }
  stats.durations.add(value);
}

/** The positions of the variables moved: `before` was the template's key. */
export function remapStats(template: Template, before: Uint8Array, budget: StatsBudget): void {
  const stats = template.attachment as TemplateStats | undefined;
  if (stats === undefined) return;
  stats.values = mappedValues(stats, mapVariables(before, template.key), budget);
}

/** A word that became a variable had one value until now: as often as its template was seen. */
function mappedValues(
  stats: TemplateStats,
  map: VariableMap | undefined,
  budget: StatsBudget,
): (TopValues | undefined)[] {
  if (map === undefined) return stats.values;
  const made: (TopValues | undefined)[] = [];
  for (let index = 0; index < Math.min(map.sources.length, MAX_COUNTED_VARIABLES); index += 1) {
    const source = map.sources[index] as number;
    const word = map.words[index];
    if (source >= 0) made[index] = stats.values[source];
    else if (word !== undefined && budget.variables > 0) {
      budget.variables -= 1;
      const top = new TopValues();
      top.addText(word, Math.max(1, stats.count));
      made[index] = top;
    }
  }
  budget.variables += stats.values.filter((top) => top !== undefined && !made.includes(top)).length;
  return made;
}

/** Takes what was counted for `from` over into `into`. */
export function mergeStats(from: Template, into: Template, timelines: Timelines, budget: StatsBudget): void {
  const source = from.attachment as TemplateStats | undefined;
  if (source === undefined) return;
  const target = statsOf(into);
  const values = mappedValues(source, mapVariables(from.key, into.key), budget);
  values.forEach((top, index) => {
    if (top === undefined) return;
    const known = target.values[index];
    if (known === undefined) target.values[index] = top;
    else {
      known.merge(top);
      budget.variables += 1;
    }
  });
  mergeSeries(source, target, timelines);
  target.count += source.count;
  target.baseline += source.baseline;
  target.errors += source.errors;
  target.warnings += source.warnings;
  target.firstMs = earlier(target.firstMs, source.firstMs);
  target.lastMs = later(target.lastMs, source.lastMs);
  if (source.firstLine > 0 && (target.firstLine === 0 || source.firstLine < target.firstLine))
    target.firstLine = source.firstLine;
  if (source.lastLine > target.lastLine) target.lastLine = source.lastLine;
  for (const sample of source.samples) if (target.samples.length < MAX_SAMPLES) target.samples.push(sample);
  if (source.durations !== undefined) {
    if (target.durations === undefined) target.durations = source.durations;
    else {
      target.durations.merge(source.durations);
      budget.sketches += 1;
    }
  }
  from.attachment = undefined;
}

/** What was seen once has no series yet, only its time. */
function mergeSeries(source: TemplateStats, target: TemplateStats, timelines: Timelines): void {
  if (Number.isNaN(source.firstMs)) return;
  if (target.series === undefined && Number.isNaN(target.firstMs)) {
    target.series = source.series;
    return;
  }
  if (target.series === undefined) {
    target.series = timelines.newSeries();
    timelines.add(target.series, target.firstMs);
  }
  if (source.series === undefined) {
    timelines.add(target.series, source.firstMs);
    return;
  }
  for (let at = 0; at < source.series.length; at += 1) {
    target.series[at] = (target.series[at] as number) + (source.series[at] as number);
  }
  timelines.drop(source.series);
}

/** Gives back what the template held. */
export function dropStats(template: Template, timelines: Timelines, budget: StatsBudget): void {
  const stats = template.attachment as TemplateStats | undefined;
  if (stats === undefined) return;
  budget.variables += stats.values.filter((top) => top !== undefined).length;
  if (stats.durations !== undefined) budget.sketches += 1;
  if (stats.series !== undefined) timelines.drop(stats.series);
  template.attachment = undefined;
}

export const earlier = (a: number, b: number): number => (Number.isNaN(a) || b < a ? b : a);
export const later = (a: number, b: number): number => (Number.isNaN(a) || b > a ? b : a);
