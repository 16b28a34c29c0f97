import { parseDuration } from '@moltbot/config';
import { type JobPayload, type JobResult, MoltbotError } from '@moltbot/contracts';
import {
  type BaselineWindow,
  DEFAULT_INPUT_LIMITS,
  type LogAnalysisTask,
  LogInputError,
  type LogReport,
  runLogAnalysis,
  type SummaryReport,
  toHtml,
  toSummaryPrompt,
  withSummary,
} from '@moltbot/log-analysis';
import type { LogAnalysisInputs } from '../log-analysis/analysis-inputs.js';
import type { ThreadContext, ThreadHandler } from './thread-handlers.js';

const TOP_IN_RESULT = 10;
const PIECE = 262_144;

/** Reads the inputs that its handler in the process has opened, and leaves the report as JSON and as a page. */
export const logAnalysis: ThreadHandler<'log-analysis'> = async (payload, context) => {
  const inputs = (await context.ask('inputs')) as LogAnalysisInputs;
  const report = await analyze(payload, inputs, context);
  const whole = payload.summary === undefined ? report : withSummary(report, await summarize(report, context));
  const files = ['report.json', 'report.html', ...(payload.templates_jsonl ? ['templates.jsonl'] : [])];
  await context.artifact({
    name: 'report.json',
    contentType: 'application/json',
    bytes: Buffer.from(`${JSON.stringify(whole)}\n`),
  });
  await context.artifact({
    name: 'report.html',
    contentType: 'text/html; charset=utf-8',
    bytes: Buffer.from(toHtml(whole)),
  });
  return toResult(whole, files);
};

async function analyze(
  payload: JobPayload<'log-analysis'>,
  { sources, ...limits }: LogAnalysisInputs,
  context: ThreadContext,
): Promise<LogReport> {
  const of = sources.reduce((sum, { bytes }) => sum + bytes, 0);
  const failed: { error?: unknown } = {};
  let before = 0;
  let current = '';
  let last = 0;
  try {
    const report = await runLogAnalysis({
      now: Date.now,
      task: toTask(payload, sources, limits),
      open: (source) => readSource(Number(source), context, failed),
      onProgress: ({ name, bytesIn, lines }) => {
        if (name !== current || bytesIn < last) before += last;
        current = name;
        last = bytesIn;
        context.progress({ done: Math.min(of, before + bytesIn), of, unit: 'bytes', lines });
      },
      ...(payload.templates_jsonl && { onTemplates: async (texts) => keepTemplates(texts, context) }),
    });
    // Half a file because the store went away is no report: the job is tried again.
    if (failed.error !== undefined) throw failed.error;
    return report;
  } catch (error) {
    if (failed.error !== undefined) throw failed.error;
    if (error instanceof LogInputError) throw new MoltbotError('log_input_invalid', error.message, { cause: error });
    throw error;
  }
}

function toTask(
  payload: JobPayload<'log-analysis'>,
  sources: LogAnalysisInputs['sources'],
  { maxUnpackedBytes: maxBytes, spillFolder }: Omit<LogAnalysisInputs, 'sources'>,
): LogAnalysisTask {
  const { since, until, max_lines: maxLines } = payload;
  const window = toWindow(payload);
  return {
    inputs: sources.map(({ name, role }, index) => ({ name, role, from: { source: String(index) } })),
    format: payload.format,
    messageOnly: payload.message_only,
    top: payload.top,
    spillFolder,
    inputLimits: { ...DEFAULT_INPUT_LIMITS, maxBytes },
    ...(since !== undefined && { sinceMs: Date.parse(since) }),
    ...(until !== undefined && { untilMs: Date.parse(until) }),
    ...(maxLines !== undefined && { maxLines }),
    ...(window !== undefined && { baselineWindow: window }),
  };
}

function toWindow({ baseline_window: window }: JobPayload<'log-analysis'>): BaselineWindow | undefined {
  if (window === undefined) return undefined;
  const { from, to, first } = window;
  if (first !== undefined) return { firstMs: parseDuration(first) ?? 0 };
  return { fromMs: Date.parse(from ?? ''), toMs: Date.parse(to ?? '') };
}

/** Piece by piece: no more than one is ever on its way. */
async function* readSource(
  index: number,
  { ask }: ThreadContext,
  failed: { error?: unknown },
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = (await ask('open', index)) as number;
  try {
    for (;;) {
      const piece = (await ask('read', reader)) as Uint8Array | undefined;
      if (piece === undefined) return;
      yield piece;
    }
  } catch (error) {
    failed.error ??= error;
    throw error;
  } finally {
    await ask('close', reader);
  }
}

async function keepTemplates(texts: Iterable<string>, { ask }: ThreadContext): Promise<void> {
  let waiting = '';
  for (const text of texts) {
    waiting += text;
    if (waiting.length < PIECE) continue;
    await ask('templates', Buffer.from(waiting));
    waiting = '';
  }
  if (waiting !== '') await ask('templates', Buffer.from(waiting));
  await ask('templates-end');
}

async function summarize(report: LogReport, { ask }: ThreadContext): Promise<SummaryReport> {
  return (await ask('summary', toSummaryPrompt(report))) as SummaryReport;
}

function toResult(report: LogReport, files: readonly string[]): JobResult<'log-analysis'> {
  const { coverage, time, changes, summary } = report;
  return {
    lines: coverage.lines,
    records: coverage.records,
    templates: coverage.templates,
    errorRate: report.errorRate,
    first: time.first,
    last: time.last,
    sources: report.sources.map(({ name, role, bytesIn, lines, ended }) => ({
      name,
      role,
      bytes: bytesIn,
      lines,
      ended,
    })),
    top: report.templates.slice(0, TOP_IN_RESULT).map(({ id, template, count, share, errorRate }) => ({
      id,
      template,
      count,
      share,
      errorRate,
    })),
    changes: changes === null ? null : { new: changes.new.length, vanished: changes.vanished.length },
    spikes: report.spikes.length,
    summary:
      summary === null
        ? null
        : {
            ...summary,
            claims: summary.claims.map(({ text, templateIds }) => ({ text, templateIds: [...templateIds] })),
          },
    files: [...files],
  };
}
