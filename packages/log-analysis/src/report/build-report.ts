import type { SourceReport } from '../analysis/analyze-source.js';
import type { LogAnalyzer } from '../analysis/log-analyzer.js';
import { announcesSecret, MASK, maskSecrets } from '../analysis/mask-secrets.js';
import type { QuantileSketch } from '../analysis/quantile-sketch.js';
import { correlation, findSpikes } from '../analysis/spikes.js';
import type { TemplateStats } from '../analysis/template-stats.js';
import { LEVELS, type LevelName } from '../formats/log-record.js';
import { renderTemplate, type Template, textsBefore } from '../miner/template.js';
import { VARIABLE_TYPES } from '../scanner/variable-types.js';
import {
  type ChangeReport,
  type ChangesReport,
  type LatencyReport,
  type LogReport,
  REPORT_VERSION,
  type SpikeReport,
  type TemplateReport,
} from './report.js';

const DEFAULT_TOP = 50;
const MAX_LISTED = 20;
const MAX_CHANGES = 100;
const MAX_VALUES = 5;
/** Templates whose series are compared with each other. */
const MAX_COMPARED = 200;
const NEEDED_CORRELATION = 0.8;

export interface BuildReportOptions {
  readonly analyzer: LogAnalyzer;
  readonly sources: readonly SourceReport[];
  readonly now: () => number;
  /** Templates and routes that are shown. */
  readonly top?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

interface Known {
  readonly template: Template;
  readonly stats: TemplateStats;
  readonly text: string;
}

/** The report of all that the analyzer has seen so far; it may be asked in the middle. */
export function buildReport(options: BuildReportOptions): LogReport {
  const { analyzer, sources, top = DEFAULT_TOP } = options;
  const known = templatesOf(analyzer);
  const seen = known.filter(({ stats }) => stats.count > 0).sort((a, b) => b.stats.count - a.stats.count);
  const shown = seen.slice(0, top);
  const { counts, timelines } = analyzer;
  const { used } = timelines;
  const errors = (analyzer.levels[5] as number) + (analyzer.levels[6] as number);
  const odd = analyzer.sequences.odd(MAX_LISTED);
  const spikes = listSpikes(analyzer, seen);
  return {
    version: REPORT_VERSION,
    generatedAt: new Date(options.now()).toISOString(),
    sources: sources.map((source) => ({ ...source, name: maskSecrets(source.name) })),
    window: {
      since: iso(options.sinceMs),
      until: iso(options.untilMs),
      baseline:
        analyzer.baseline.known === undefined
          ? null
          : { from: iso(analyzer.baseline.known.fromMs), to: iso(analyzer.baseline.known.toMs) },
    },
    time: { first: iso(analyzer.firstMs), last: iso(analyzer.lastMs), bucketMinutes: timelines.width },
    coverage: coverageOf(analyzer, sources, shown),
    formats: [...analyzer.formats]
      .map(([format, records]) => ({ format, records }))
      .sort((a, b) => b.records - a.records),
    levels: Object.fromEntries(LEVELS.map((level, index) => [level, analyzer.levels[index] as number])) as Record<
      LevelName,
      number
    >,
    errorRate: rate(errors, counts.records),
    latency: latencyOf(analyzer.durations),
    timeline: {
      start: used === 0 ? null : iso(timelines.startOf(0)),
      lines: Array.from(analyzer.total.subarray(0, used)),
      errors: Array.from(analyzer.totalErrors.subarray(0, used)),
    },
    templates: shown.map((each) => templateReport(each, counts.records, used)),
    templatesOmitted: seen.length - shown.length,
    routes: [...analyzer.routes]
      .sort((a, b) => b[1].count - a[1].count)
      .slice(0, top)
      .map(([route, { count, errors: failed, durations }]) => ({
        route: maskSecrets(route),
        count,
        errors: failed,
        errorRate: rate(failed, count),
        latency: latencyOf(durations),
      })),
    loggers: [...analyzer.loggers]
      .sort((a, b) => b[1] - a[1])
      .slice(0, MAX_LISTED)
      .map(([logger, count]) => ({ logger: maskSecrets(logger), count })),
    changes: counts.baselineRecords === 0 ? null : changesOf(known),
    spikes,
    risingTogether: risingTogether(analyzer, seen),
    oddSequences: odd.map(({ from, to, count, share, exampleId }) => ({
      fromId: from?.id ?? null,
      toId: to.id,
      from: from === undefined ? null : textOf(from),
      to: textOf(to),
      count,
      share,
      exampleId: maskSecrets(exampleId),
    })),
    traces: analyzer.sequences.traces(10, odd).map(({ steps, id, ...rest }) => ({
      ...rest,
      id: maskSecrets(id),
      steps: steps.map(({ template, timestampMs, level }) => ({
        at: iso(timestampMs),
        level: LEVELS[level] as LevelName,
        templateId: template.id,
        template: textOf(template),
      })),
    })),
    summary: null,
  };
}

/** What was a constant may be a secret all the same. */
const textOf = (template: Template): string => maskSecrets(renderTemplate(template));

function templatesOf(analyzer: LogAnalyzer): Known[] {
  const known: Known[] = [];
  for (const template of analyzer.miner.templates) {
    const stats = template.attachment as TemplateStats | undefined;
    if (stats !== undefined) known.push({ template, stats, text: textOf(template) });
  }
  return known;
}

function coverageOf(
  analyzer: LogAnalyzer,
  sources: readonly SourceReport[],
  shown: readonly Known[],
): LogReport['coverage'] {
  const { counts, budget } = analyzer;
  const mined = analyzer.miner.counts;
  const sum = (key: 'truncatedLines' | 'invalidUtf8Lines' | 'binaryLines'): number =>
    sources.reduce((total, source) => total + source[key], 0);
  return {
    lines: counts.lines,
    records: counts.records,
    continuations: counts.continuations,
    emptyLines: counts.empty,
    unparsedLines: counts.unparsed,
    recordsWithoutMessage: counts.withoutMessage,
    recordsWithoutTime: counts.withoutTime,
    recordsOutsideWindow: counts.outsideWindow,
    linesOverLimit: counts.overLimit,
    truncatedLines: sum('truncatedLines'),
    invalidUtf8Lines: sum('invalidUtf8Lines'),
    binaryLines: sum('binaryLines'),
    messagesCut: counts.cutMessages,
    timesOutlying: analyzer.timelines.outliers,
    baselineRecords: counts.baselineRecords,
    templates: mined.templates,
    merges: mined.merges,
    evictedTemplates: mined.evictedTemplates,
    evictedRecords: mined.evictedLines,
    forgottenKeys: mined.evictedKeys,
    valuesNotCounted: budget.variablesSkipped,
    routesNotCounted: analyzer.routesSkipped,
    shown: rate(
      shown.reduce((total, { stats }) => total + stats.count, 0),
      counts.records,
    ),
  };
}

function templateReport({ template, stats, text }: Known, records: number, used: number): TemplateReport {
  const before = textsBefore(template);
  return {
    id: template.id,
    formerIds: template.formerIds,
    template: text,
    count: stats.count,
    share: rate(stats.count, records),
    baselineCount: stats.baseline,
    errors: stats.errors,
    warnings: stats.warnings,
    errorRate: rate(stats.errors, stats.count),
    first: iso(stats.firstMs),
    last: iso(stats.lastMs),
    firstLine: stats.firstLine,
    lastLine: stats.lastLine,
    latency: latencyOf(stats.durations),
    samples: stats.samples.map(maskSecrets),
    variables: template.variables.map(({ type }, index) => ({
      type: VARIABLE_TYPES[type] ?? 'word',
      top: (stats.values[index]?.list(MAX_VALUES) ?? []).map((each) => ({
        ...each,
        value: announcesSecret(before[index] ?? '') ? MASK : maskSecrets(each.value),
      })),
    })),
    timeline: stats.series === undefined ? [] : Array.from(stats.series.subarray(0, used)),
  };
}

function changesOf(known: readonly Known[]): ChangesReport {
  const change = ({ template, stats, text }: Known): ChangeReport => ({
    id: template.id,
    template: text,
    count: stats.count,
    baselineCount: stats.baseline,
  });
  return {
    new: known
      .filter(({ stats }) => stats.count > 0 && stats.baseline === 0)
      .sort((a, b) => b.stats.count - a.stats.count)
      .slice(0, MAX_CHANGES)
      .map(change),
    vanished: known
      .filter(({ stats }) => stats.count === 0 && stats.baseline > 0)
      .sort((a, b) => b.stats.baseline - a.stats.baseline)
      .slice(0, MAX_CHANGES)
      .map(change),
  };
}

function listSpikes(analyzer: LogAnalyzer, seen: readonly Known[]): SpikeReport[] {
  const { timelines } = analyzer;
  const at = (bucket: number): string => new Date(timelines.startOf(bucket)).toISOString();
  const all: SpikeReport[] = findSpikes(analyzer.total, timelines.used).map(({ bucket, ...spike }) => ({
    templateId: null,
    template: null,
    at: at(bucket),
    ...spike,
  }));
  for (const { template, stats, text } of seen.slice(0, MAX_COMPARED * 5)) {
    if (stats.series === undefined) continue;
    for (const { bucket, ...spike } of findSpikes(stats.series, timelines.used)) {
      all.push({ templateId: template.id, template: text, at: at(bucket), ...spike });
    }
  }
  return all.sort((a, b) => b.z - a.z).slice(0, MAX_LISTED);
}

/** Templates whose spikes fall into one bucket and whose series go together. */
function risingTogether(analyzer: LogAnalyzer, seen: readonly Known[]): LogReport['risingTogether'] {
  const { timelines } = analyzer;
  const { used } = timelines;
  const byBucket = new Map<number, { known: Known; z: number }[]>();
  for (const known of seen.slice(0, MAX_COMPARED)) {
    if (known.stats.series === undefined) continue;
    for (const { bucket, z } of findSpikes(known.stats.series, used)) {
      byBucket.set(bucket, [...(byBucket.get(bucket) ?? []), { known, z }]);
    }
  }
  const groups: { at: string; templateIds: string[]; correlation: number; z: number }[] = [];
  for (const [bucket, members] of byBucket) {
    const [leader] = members.sort((a, b) => b.z - a.z);
    if (leader === undefined || members.length < 2) continue;
    let least = 1;
    const together = members.filter(({ known }) => {
      const r = correlation(leader.known.stats.series as Uint32Array, known.stats.series as Uint32Array, used);
      if (r < NEEDED_CORRELATION) return false;
      least = Math.min(least, r);
      return true;
    });
    if (together.length < 2) continue;
    groups.push({
      at: new Date(timelines.startOf(bucket)).toISOString(),
      templateIds: together.slice(0, MAX_LISTED).map(({ known }) => known.template.id),
      correlation: least,
      z: leader.z,
    });
  }
  return groups
    .sort((a, b) => b.z - a.z)
    .slice(0, MAX_LISTED)
    .map(({ at, templateIds, correlation: r }) => ({ at, templateIds, correlation: r }));
}

function latencyOf(sketch: QuantileSketch | undefined): LatencyReport | null {
  if (sketch === undefined || sketch.count === 0) return null;
  return {
    count: sketch.count,
    p50: sketch.quantile(0.5),
    p95: sketch.quantile(0.95),
    p99: sketch.quantile(0.99),
    max: sketch.max,
    mean: sketch.sum / sketch.count,
  };
}

const rate = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** Null for what is no time that a Date can show. */
function iso(ms: number | undefined): string | null {
  return ms === undefined || Number.isNaN(ms) || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString();
}
