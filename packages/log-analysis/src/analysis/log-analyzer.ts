import { readDuration } from '../formats/field-values.js';
import { Continuations } from '../formats/continuation.js';
import { createLineParsers, DETECTION_LINES, detectFormat, type LineParsers } from '../formats/line-parser.js';
import { type LogFormat, type LogRecord, newLogRecord, resetRecord } from '../formats/log-record.js';
import { TemplateMiner, type MinerLimits } from '../miner/template-miner.js';
import type { Template } from '../miner/template.js';
import { MaskedMessage } from '../scanner/masked-message.js';
import { scanMessage } from '../scanner/scan-message.js';
import { TYPE } from '../scanner/variable-types.js';
import { BaselineTimes, type BaselineWindow } from './baseline-times.js';
import { QuantileSketch } from './quantile-sketch.js';
import { Sequences } from './sequences.js';
import {
  addDuration,
  addSample,
  addValues,
  dropStats,
  earlier,
  later,
  MAX_SAMPLES,
  mergeStats,
  newStatsBudget,
  remapStats,
  statsOf,
  type TemplateStats,
} from './template-stats.js';
import type { TemplateSpill } from './template-spill.js';
import { Timelines } from './timelines.js';

export type SourceRole = 'current' | 'baseline';

export interface LogAnalyzerOptions {
  /** Decides the year of dates without one. */
  readonly now: () => number;
  readonly format?: LogFormat | 'auto';
  /** Each line is the message itself: no format, nothing joined. */
  readonly messageOnly?: boolean;
  /** Lines before and after are left out (and counted); lines without a time stay with the line before them. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Lines in this window are the baseline, as those of baseline sources are; lines without a time stay with the line before them. */
  readonly baselineWindow?: BaselineWindow;
  /** Further lines are passed over, and counted. */
  readonly maxLines?: number;
  readonly minerLimits?: MinerLimits;
  /** Is told the template of each line of the current sources. */
  readonly spill?: TemplateSpill;
}

export interface RouteStats {
  count: number;
  errors: number;
  durations: QuantileSketch | undefined;
}

export interface AnalysisCounts {
  lines: number;
  /** Records: lines that are no continuation of the one before. */
  records: number;
  continuations: number;
  empty: number;
  /** No parser of the format took them: mined whole. */
  unparsed: number;
  withoutMessage: number;
  outsideWindow: number;
  overLimit: number;
  /** Longer than what is mined of a message. */
  cutMessages: number;
  withoutTime: number;
  baselineRecords: number;
}

const MAX_ROUTES = 2_000;
const MAX_LOGGERS = 200;
const DETECTION_BYTES = 1_048_576;
const EMPTY = new Uint8Array(0);

/** A message with one duration in it tells how long something took. */
function durationIn(message: MaskedMessage, bytes: Uint8Array): number {
  let found = -1;
  for (let index = 0; index < message.variables; index += 1) {
    if (message.types[index] !== TYPE.duration) continue;
    if (found >= 0) return Number.NaN;
    found = index;
  }
  return found < 0
    ? Number.NaN
    : readDuration(bytes, message.starts[found] as number, message.ends[found] as number, 1);
}

/** Lines in, statistics by template out; one pass, bounded memory. Feed it with `startSource`, `line` …, `endSource`. */
export class LogAnalyzer {
  readonly counts: AnalysisCounts = {
    lines: 0,
    records: 0,
    continuations: 0,
    empty: 0,
    unparsed: 0,
    withoutMessage: 0,
    outsideWindow: 0,
    overLimit: 0,
    cutMessages: 0,
    withoutTime: 0,
    baselineRecords: 0,
  };
  readonly levels = new Float64Array(7);
  readonly formats = new Map<LogFormat, number>();
  readonly routes = new Map<string, RouteStats>();
  readonly loggers = new Map<string, number>();
  readonly timelines = new Timelines();
  readonly total = this.timelines.newSeries();
  readonly totalErrors = this.timelines.newSeries();
  readonly sequences = new Sequences();
  readonly budget = newStatsBudget();
  readonly durations = new QuantileSketch();
  readonly miner: TemplateMiner;
  readonly baseline: BaselineTimes;
  firstMs = Number.NaN;
  lastMs = Number.NaN;
  routesSkipped = 0;

  readonly #options: LogAnalyzerOptions;
  readonly #parsers: LineParsers;
  readonly #message = new MaskedMessage();
  readonly #record: LogRecord = newLogRecord();
  readonly #continuations = new Continuations();
  #format: LogFormat | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #role: SourceRole = 'current';
  /** Of the record before: where its continuations go. */
  #lastTemplate: Template | undefined;
  #lastOutside = false;
  #lastBaseline = false;

  constructor(options: LogAnalyzerOptions) {
    this.#options = options;
    this.baseline = new BaselineTimes(options.baselineWindow);
    this.#parsers = createLineParsers({ now: options.now });
    const { spill } = options;
    this.miner = new TemplateMiner({
      ...(options.minerLimits === undefined ? {} : { limits: options.minerLimits }),
      events: {
        onMerge: (from, into) => {
          mergeStats(from, into, this.timelines, this.budget);
          spill?.merged(from, into);
        },
        onChange: (template, before) => remapStats(template, before, this.budget),
        onEvict: (template) => dropStats(template, this.timelines, this.budget),
      },
    });
  }

  startSource(options: { readonly role: SourceRole }): void {
    this.#role = options.role;
    this.#lastTemplate = undefined;
    this.#lastOutside = false;
    this.#lastBaseline = false;
    this.#continuations.reset();
    const { format = 'auto', messageOnly = false } = this.#options;
    this.#format = messageOnly ? 'plain' : format === 'auto' ? undefined : format;
  }

  /** One line, without its line end; the bytes are not kept. */
  line(bytes: Uint8Array, start: number, end: number): void {
    if (this.#format === undefined) {
      this.#waiting.push(Buffer.from(bytes.subarray(start, end)));
      this.#waitingBytes += end - start;
      if (this.#waiting.length >= DETECTION_LINES || this.#waitingBytes >= DETECTION_BYTES) this.#detect();
      return;
    }
    this.#take(bytes, start, end);
  }

  endSource(): void {
    if (this.#format === undefined) this.#detect();
  }

  #detect(): void {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#format = detectFormat(lines, this.#parsers);
    for (const line of lines) this.#take(line, 0, line.length);
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    const { counts } = this;
    const { maxLines = Number.POSITIVE_INFINITY, messageOnly = false } = this.#options;
    if (counts.lines >= maxLines && this.#role === 'current') {
      counts.overLimit += 1;
      return;
    }
    if (this.#role === 'current') counts.lines += 1;
    const record = this.#record;
    if (messageOnly) {
      resetRecord(record, bytes, start, end);
      this.#mine(record, bytes, start, end);
      return;
    }
    const format = this.#format as LogFormat;
    const parsed = format !== 'plain' && this.#parsers[format](bytes, start, end, record);
    if (!parsed) {
      const plain = format !== 'text' && format !== 'syslog3164' && format !== 'syslog5424';
      if (this.#lastTemplate !== undefined && this.#continuations.isContinuation(bytes, start, end, plain)) {
        counts.continuations += 1;
        this.#note(this.#lastOutside ? undefined : this.#lastTemplate);
        return;
      }
      if (start === end) {
        counts.empty += 1;
        this.#note(undefined);
        return;
      }
      if (format !== 'plain') {
        counts.unparsed += 1;
        if (this.#parsers.text(bytes, start, end, record)) {
          this.#mine(record, bytes, start, end);
          return;
        }
      }
      resetRecord(record, bytes, start, end);
    } else this.#continuations.reset();
    this.#mine(record, bytes, start, end);
  }

  #note(template: Template | undefined): void {
    if (this.#role === 'current') this.#options.spill?.add(template?.serial ?? 0);
  }

  #mine(record: LogRecord, line: Uint8Array, start: number, end: number): void {
    const { counts } = this;
    const { timestampMs } = record;
    const timed = !Number.isNaN(timestampMs);
    if (timed) {
      const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = this.#options;
      this.#lastOutside = timestampMs < sinceMs || timestampMs >= untilMs;
    }
    if (record.messageEnd === record.messageStart) {
      counts.withoutMessage += 1;
      record.messageBytes = line;
      record.messageStart = start;
      record.messageEnd = end;
    }
    const message = this.#message;
    scanMessage(record.messageBytes, record.messageStart, record.messageEnd, message);
    if (message.cut) counts.cutMessages += 1;
    if (this.#lastOutside && this.#role === 'current') {
      // Still mined, so that its continuations and its template are known; not counted.
      counts.outsideWindow += 1;
      this.#lastTemplate = this.miner.add(message);
      this.#note(undefined);
      return;
    }
    const template = this.miner.add(message);
    this.#lastTemplate = template;
    const stats = statsOf(template);
    if (timed && this.#role === 'current') this.#lastBaseline = this.baseline.includes(timestampMs);
    if (this.#role === 'baseline' || this.#lastBaseline) {
      counts.baselineRecords += 1;
      stats.baseline += 1;
      if (stats.samples.length === 0) addSample(stats, record.messageBytes, record.messageStart, record.messageEnd);
      this.#note(template);
      return;
    }
    this.#note(template);
    counts.records += 1;
    if (Number.isNaN(record.durationMs)) record.durationMs = durationIn(message, record.messageBytes);
    this.#count(stats, record);
    if (stats.samples.length < MAX_SAMPLES && (stats.count === 1 || stats.count === 10 || stats.count === 100)) {
      addSample(stats, record.messageBytes, record.messageStart, record.messageEnd);
    }
    if (timed) this.#time(stats, timestampMs, record.level);
    else counts.withoutTime += 1;
    if (template.variables.length > 0) {
      addValues(stats, template, message, this.miner.map, record.messageBytes, this.budget);
    }
    if (record.id !== '') this.sequences.add(record.id, template, timestampMs, record.level);
    if (record.route !== '') this.#route(record);
  }

  #count(stats: TemplateStats, record: LogRecord): void {
    const { level, durationMs } = record;
    stats.count += 1;
    this.levels[level] = (this.levels[level] as number) + 1;
    if (level >= 5) stats.errors += 1;
    else if (level === 4) stats.warnings += 1;
    const { lines } = this.counts;
    if (stats.firstLine === 0) stats.firstLine = lines;
    stats.lastLine = lines;
    const format = this.#format as LogFormat;
    this.formats.set(format, (this.formats.get(format) ?? 0) + 1);
    if (!Number.isNaN(durationMs)) {
      addDuration(stats, durationMs, this.budget);
      this.durations.add(durationMs);
    }
    if (record.logger !== '') {
      const known = this.loggers.get(record.logger);
      if (known !== undefined) this.loggers.set(record.logger, known + 1);
      else if (this.loggers.size < MAX_LOGGERS) this.loggers.set(record.logger, 1);
    }
  }

  #time(stats: TemplateStats, timestampMs: number, level: number): void {
    const { lastMs: before } = stats;
    stats.firstMs = earlier(stats.firstMs, timestampMs);
    stats.lastMs = later(stats.lastMs, timestampMs);
    this.firstMs = earlier(this.firstMs, timestampMs);
    this.lastMs = later(this.lastMs, timestampMs);
    const bucket = this.timelines.bucketOf(timestampMs);
    if (bucket < 0) return;
    this.total[bucket] = (this.total[bucket] as number) + 1;
    if (level >= 5) this.totalErrors[bucket] = (this.totalErrors[bucket] as number) + 1;
    if (stats.series === undefined) {
      // Most templates of a wild log are seen once: the series waits for the second time.
      if (Number.isNaN(before)) return;
      stats.series = this.timelines.newSeries();
      this.timelines.add(stats.series, before);
    }
    this.timelines.add(stats.series, timestampMs);
  }

  #route(record: LogRecord): void {
    let route = this.routes.get(record.route);
    if (route === undefined) {
      if (this.routes.size >= MAX_ROUTES) {
        this.routesSkipped += 1;
        return;
      }
      route = { count: 0, errors: 0, durations: undefined };
      this.routes.set(record.route, route);
    }
    route.count += 1;
    if (record.level >= 5 || record.status >= 500) route.errors += 1;
    if (!Number.isNaN(record.durationMs)) addDuration(route, record.durationMs, this.budget);
  }

  /** Frees what is not needed for the report; the analyzer takes no more lines. */
  finish(): void {
    this.#waiting = [];
    this.#record.messageBytes = EMPTY;
  }
}
