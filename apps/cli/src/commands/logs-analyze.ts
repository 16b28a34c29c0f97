import { writeFile } from 'node:fs/promises';
import {
  FORMATS,
  type LogAnalysisProgress,
  type LogAnalysisTask,
  type LogFormat,
  type LogInput,
  LogInputError,
  type LogReport,
  runLogAnalysisInThread,
  toHtml,
  toText,
  withSummary,
} from '@moltbot/log-analysis';
import { openSummaryWriter } from '../logs/summary-writer.js';
import { readBaselineWindow, readTime } from '../logs/read-times.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';

const DEFAULT_TOP = 50;
const SHOWN_TEMPLATES = 20;

/** What is in log files: no server, no database (but for `--summary`). Ctrl-C ends the reading, and the report of what was read so far is printed. */
export const logsAnalyze: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const task = readTask(args, options, context);
  const html = text(options['html']);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const progress = progressLine(context);
  let report: LogReport;
  try {
    // A server that is away is said before the work, not after it.
    const writer = await openSummaryWriter(context, options);
    report = await runLogAnalysisInThread({ task, signal: stopping.signal, onProgress: (each) => progress.show(each) });
    progress.clear();
    if (writer !== undefined && !stopping.signal.aborted) {
      output.note(messages.logsAsking(writer.model));
      report = withSummary(report, await writer.write(report, stopping.signal));
    }
  } catch (error) {
    throw explained(error, task, context);
  } finally {
    progress.clear();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
  if (html !== undefined) await write(html, toHtml(report), context);
  output.result(report);
  output.line(
    toText(report, {
      top: Math.min(task.top ?? DEFAULT_TOP, options['top'] === undefined ? SHOWN_TEMPLATES : Number.MAX_SAFE_INTEGER),
      bold: (line) => output.style('bold', line),
    }).trimEnd(),
  );
  for (const file of [html, task.templatesJsonl]) if (file !== undefined) output.note(messages.logsWritten(file));
  if (!stopping.signal.aborted) return report.summary === null || report.summary.error === null ? 'ok' : 'model';
  output.note(messages.logsStopped);
  return 'interrupted';
};

function readTask(
  args: readonly (string | undefined)[],
  options: CommandOptions,
  context: CommandContext,
): LogAnalysisTask {
  const { messages } = context;
  const files = args.filter((file) => file !== undefined);
  if (files.length === 0) throw new CommandError('usage', messages.logsNoFile);
  const baseline = text(options['baseline']);
  const all = [...files, ...(baseline === undefined ? [] : [baseline])];
  if (all.filter((file) => file === '-').length > 1) throw new CommandError('usage', messages.logsStdinTwice);
  const input = (file: string, role: LogInput['role']): LogInput =>
    file === '-' ? { name: 'stdin', role, from: 'stdin' } : { name: file, role, from: { path: file } };
  const sinceMs = readTime(options['since'], context);
  const untilMs = readTime(options['until'], context);
  const baselineWindow = readBaselineWindow(options['baselineWindow'], context);
  const maxLines = readCount(options['maxLines'], context);
  const templatesJsonl = text(options['templatesJsonl']);
  return {
    inputs: [
      ...files.map((file) => input(file, 'current')),
      ...(baseline === undefined ? [] : [input(baseline, 'baseline')]),
    ],
    format: readFormat(options['format'], context),
    messageOnly: options['messageOnly'] === true,
    top: readCount(options['top'], context) ?? DEFAULT_TOP,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(baselineWindow === undefined ? {} : { baselineWindow }),
    ...(maxLines === undefined ? {} : { maxLines }),
    ...(templatesJsonl === undefined ? {} : { templatesJsonl }),
  };
}

function readFormat(value: string | boolean | undefined, { messages }: CommandContext): LogFormat | 'auto' {
  if (typeof value !== 'string' || value === 'auto') return 'auto';
  const format = FORMATS.find((each) => each === value);
  if (format === undefined) throw new CommandError('usage', messages.logsFormat(value, FORMATS.join(', ')));
  return format;
}

function readCount(value: string | boolean | undefined, { messages }: CommandContext): number | undefined {
  if (typeof value !== 'string') return undefined;
  const count = Number(value);
  if (!Number.isSafeInteger(count) || count < 1) throw new CommandError('usage', messages.logsNumber(value));
  return count;
}

const text = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

function explained(error: unknown, task: LogAnalysisTask, { messages }: CommandContext): unknown {
  if (error instanceof LogInputError) {
    return new CommandError('failed', messages.logsInput[error.code](error.detail).trim(), {
      code: error.code,
      cause: error,
    });
  }
  const code = /^(E[A-Z]+):/.exec(error instanceof Error ? error.message : '')?.[1];
  if (code !== undefined && task.templatesJsonl !== undefined) {
    return new CommandError('failed', messages.logsNotWritten(task.templatesJsonl, code), { cause: error });
  }
  return error;
}

async function write(file: string, content: string, { messages }: CommandContext): Promise<void> {
  try {
    await writeFile(file, content, { mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError('failed', messages.logsNotWritten(file, code ?? String(error)), { cause: error });
  }
}

/** One line at the bottom of a terminal; nothing elsewhere. */
function progressLine({ output, messages, stdout }: CommandContext) {
  const shown = output.interactive && !output.json;
  const clear = (): void => {
    if (shown) stdout.write('\r\u001b[K');
  };
  return {
    clear,
    show({ name, bytesIn, lines }: LogAnalysisProgress): void {
      if (!shown) return;
      clear();
      output.text(messages.logsProgress(name.slice(-40), Math.round(bytesIn / 1e6), lines.toLocaleString('en-US')));
    },
  };
}
