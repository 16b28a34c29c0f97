import { closeSync, createReadStream, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { analyzeSource, type SourceReport } from '../analysis/analyze-source.js';
import type { BaselineWindow } from '../analysis/baseline-times.js';
import { LogAnalyzer, type LogAnalyzerOptions, type SourceRole } from '../analysis/log-analyzer.js';
import { TemplateSpill } from '../analysis/template-spill.js';
import type { InputLimits } from '../lines/open-input.js';
import { LogInputError } from '../log-input-error.js';
import { buildReport } from '../report/build-report.js';
import type { LogReport } from '../report/report.js';
import { toTemplatesJsonl } from '../report/to-templates-jsonl.js';

export interface LogInput {
  /** Shown in the report. */
  readonly name: string;
  readonly role: SourceRole;
  /** A file's path, the process's standard input, or what `open` knows by this name. */
  readonly from: { readonly path: string } | { readonly source: string } | 'stdin';
}

/** What to analyse and how; plain data, so that it can go to a thread. */
export interface LogAnalysisTask extends Omit<LogAnalyzerOptions, 'now' | 'spill'> {
  readonly inputs: readonly LogInput[];
  readonly top?: number;
  readonly inputLimits?: InputLimits;
  /** Where the template of each line is written, as JSON lines. */
  readonly templatesJsonl?: string;
  /** For notes of the lines while they are read; by default the system's folder for temporary files. */
  readonly spillFolder?: string;
}

/** Reading that is left in the middle ends by `return`. */
export type OpenSource = (name: string) => AsyncIterable<Uint8Array>;

export interface LogAnalysisProgress {
  readonly name: string;
  /** Of this input. */
  readonly bytesIn: number;
  /** Of all inputs so far. */
  readonly lines: number;
}

/**
 * One whole analysis: baselines first, then the logs. Stops early when `signal` says so, and reports what it has. Throws
 * LogInputError with the name of the input.
 */
export async function runLogAnalysis(options: {
  readonly task: LogAnalysisTask;
  readonly now: () => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LogAnalysisProgress) => void;
  /** Opens what is no file; may be asked for the same one again. */
  readonly open?: OpenSource;
  /** Is given the template of each line, as JSON lines, when all is read. */
  readonly onTemplates?: (texts: Iterable<string>) => Promise<void>;
}): Promise<LogReport> {
  const { task, now, signal, onTemplates } = options;
  const { inputs, top, inputLimits: _, templatesJsonl, spillFolder, ...settings } = task;
  // Opened first: a place that can't be written is found before the work is done.
  const out = templatesJsonl === undefined ? undefined : openSync(templatesJsonl, 'w');
  let spill: TemplateSpill | undefined;
  try {
    spill =
      out === undefined && onTemplates === undefined
        ? undefined
        : new TemplateSpill(spillFolder === undefined ? {} : { folder: spillFolder });
    const baselineWindow = await windowOver(options);
    const analyzer = new LogAnalyzer({
      ...settings,
      now,
      ...(baselineWindow === undefined ? {} : { baselineWindow }),
      ...(spill === undefined ? {} : { spill }),
    });
    const sources: SourceReport[] = [];
    let lines = 0;
    for (const role of ['baseline', 'current'] as const) {
      for (const input of inputs.filter((each) => each.role === role)) {
        if (signal?.aborted === true) break;
        const report = await analyzeInput(input, analyzer, lines, options);
        lines += report.lines;
        sources.push(report);
      }
    }
    analyzer.finish();
    if (onTemplates !== undefined && spill !== undefined) await onTemplates(toTemplatesJsonl({ analyzer, spill }));
    if (out !== undefined && spill !== undefined) {
      for (const text of toTemplatesJsonl({ analyzer, spill })) writeSync(out, text);
    }
    return buildReport({
      analyzer,
      sources,
      now,
      ...(top === undefined ? {} : { top }),
      ...(task.sinceMs === undefined ? {} : { sinceMs: task.sinceMs }),
      ...(task.untilMs === undefined ? {} : { untilMs: task.untilMs }),
    });
  } finally {
    spill?.close();
    if (out !== undefined) closeSync(out);
  }
}

async function analyzeInput(
  { name, role, from }: LogInput,
  analyzer: LogAnalyzer,
  before: number,
  { task, signal, onProgress, open }: Parameters<typeof runLogAnalysis>[0],
): Promise<SourceReport> {
  const stream = openSource(from, open);
  const stop = (): void => void (stream instanceof Readable && stream.destroy());
  signal?.addEventListener('abort', stop, { once: true });
  const { maxLines } = task;
  try {
    const report = await analyzeSource({
      analyzer,
      source: stream,
      name,
      role,
      ...(task.inputLimits === undefined ? {} : { limits: task.inputLimits }),
      ...(signal === undefined ? {} : { signal }),
      // Bytes after the last wanted line need not be read.
      ...(maxLines === undefined || role === 'baseline' ? {} : { enough: () => analyzer.counts.lines >= maxLines }),
      ...(onProgress === undefined
        ? {}
        : { onProgress: ({ bytesIn, lines }) => onProgress({ name, bytesIn, lines: before + lines }) }),
    });
    onProgress?.({ name, bytesIn: report.bytesIn, lines: before + report.lines });
    return report;
  } catch (error) {
    if (error instanceof LogInputError)
      throw new LogInputError(error.code, `${error.detail} [${name}]`.trim(), { cause: error.cause });
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

function openSource(from: LogInput['from'], open: OpenSource | undefined): AsyncIterable<Uint8Array> {
  if (from === 'stdin') return openStdin();
  if ('path' in from) return createReadStream(from.path, { highWaterMark: 262_144 });
  if (open === undefined) throw new LogInputError('unreadable', '(nobody opens it)');
  return open(from.source);
}

/**
 * The first hours of several inputs are those of the oldest: rotated files are often named newest first. Their first lines are read for it;
 * of a pipe, which is read once, the first line counts.
 */
async function windowOver(options: Parameters<typeof runLogAnalysis>[0]): Promise<BaselineWindow | undefined> {
  const { task, now, open } = options;
  const { baselineWindow, inputs, sinceMs = Number.NEGATIVE_INFINITY } = task;
  const current = inputs.filter(({ role, from }) => role === 'current' && from !== 'stdin');
  if (baselineWindow === undefined || !('firstMs' in baselineWindow) || current.length < 2) return baselineWindow;
  let first = Number.POSITIVE_INFINITY;
  for (const { from, name } of current) {
    const peek = new LogAnalyzer({ now, ...(task.format === undefined ? {} : { format: task.format }) });
    const source = openSource(from, open);
    try {
      // What is wrong with it is said when it is read.
      await analyzeSource({ analyzer: peek, source, name, enough: () => true }).catch(() => undefined);
    } finally {
      if (source instanceof Readable) source.destroy();
    }
    if (peek.firstMs < first) first = peek.firstMs;
  }
  if (first === Number.POSITIVE_INFINITY) return baselineWindow;
  return { fromMs: Number.NEGATIVE_INFINITY, toMs: Math.max(first, sinceMs) + baselineWindow.firstMs };
}

/** A pipe may be non-blocking and may stay silent: only a socket waits for it and can be left at any time. */
function openStdin(): Readable {
  const facts = fstatSync(0);
  if (facts.isFIFO() || facts.isSocket()) return new Socket({ fd: 0, readable: true, writable: false });
  return createReadStream('', { fd: 0, autoClose: false, highWaterMark: 262_144 });
}
