import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { MoltbotError } from '@moltbot/contracts';
import type { SummaryPrompt } from '@moltbot/log-analysis';
import type { JobContext, JobDeps, JobHandler } from '../deps.js';
import type { LogAnalysisInputs } from '../log-analysis/analysis-inputs.js';
import { askSummary } from '../log-analysis/ask-summary.js';
import { closeLogs, type OpenedLog, openLogs } from '../log-analysis/open-logs.js';
import { runInThread } from '../threads/in-thread.js';

/** Without it garbage, not data, would take several hundred MB. */
const HEAP = { oldMb: 160, youngMb: 16 };
/** Bytes of the templates of lines that may wait for the store. */
const WAITING = 1_048_576;

/**
 * Opens the logs, and lets a thread read them piece by piece: no file is ever held in memory, and whatever is in it can harm the thread
 * only. What the thread can't do, it asks for: bytes, the keeping of a file of any size, a model's summary.
 */
export const logAnalysis: JobHandler<'log-analysis'> = async (payload, deps, context) => {
  const logs = await openLogs({ payload, deps, signal: context.signal });
  const readers = new Readers(logs, context.signal);
  const templates = new Templates(deps, context);
  const { max_unpacked_size: maxUnpackedBytes } = deps.settings().log_analysis;
  const inputs: LogAnalysisInputs = {
    sources: logs.map(({ name, role, bytes }) => ({ name, role, bytes })),
    maxUnpackedBytes,
    spillFolder: tmpdir(),
  };
  const answers: Readonly<Record<string, (argument: unknown) => Promise<unknown>>> = {
    inputs: async () => inputs,
    open: async (index) => readers.open(Number(index)),
    read: async (reader) => readers.read(Number(reader)),
    close: async (reader) => readers.close(Number(reader)),
    templates: async (bytes) => templates.write(bytes as Uint8Array),
    'templates-end': async () => templates.end(),
    summary: async (prompt) =>
      askSummary({ prompt: prompt as SummaryPrompt, model: payload.summary?.model, deps, context }),
  };
  try {
    return await runInThread({
      name: 'log-analysis',
      payload,
      deps,
      context,
      heap: HEAP,
      onAsk: async (question, argument) => {
        const answer = answers[question];
        if (answer === undefined) throw new Error(`nobody answers ${question}`);
        return answer(argument);
      },
    });
  } finally {
    await templates.discard();
    await readers.closeAll();
    await closeLogs(logs);
  }
};

/** What is being read, by number. */
class Readers {
  readonly #logs: readonly OpenedLog[];
  readonly #signal: AbortSignal;
  readonly #open = new Map<number, AsyncGenerator<Uint8Array, void, undefined>>();
  #numbers = 0;

  constructor(logs: readonly OpenedLog[], signal: AbortSignal) {
    this.#logs = logs;
    this.#signal = signal;
  }

  open(index: number): number {
    const log = this.#logs[index];
    if (log === undefined) throw new Error(`there is no input ${index}`);
    this.#numbers += 1;
    this.#open.set(this.#numbers, log.read(this.#signal));
    return this.#numbers;
  }

  /** A copy of its own: it is given away. */
  async read(reader: number): Promise<Uint8Array | undefined> {
    const next = await this.#open.get(reader)?.next();
    return next === undefined || next.done === true ? undefined : new Uint8Array(next.value);
  }

  async close(reader: number): Promise<void> {
    const open = this.#open.get(reader);
    this.#open.delete(reader);
    await open?.return();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map(async (reader) => this.close(reader).catch(() => undefined)));
  }
}

/** The file of the template of each line, stored as it comes. */
class Templates {
  readonly #deps: Pick<JobDeps, 'keepArtifact' | 'settings'>;
  readonly #context: JobContext;
  #stream: PassThrough | undefined;
  #stored: Promise<void> | undefined;

  constructor(deps: Pick<JobDeps, 'keepArtifact' | 'settings'>, context: JobContext) {
    this.#deps = deps;
    this.#context = context;
  }

  /** Resolves when there is room for more. @throws MoltbotError of the store */
  async write(bytes: Uint8Array): Promise<void> {
    const stream = this.#begin();
    if (!stream.write(bytes) && !stream.destroyed) {
      const room = Promise.withResolvers<void>();
      stream.on('drain', room.resolve).on('close', room.resolve);
      await room.promise;
      stream.off('drain', room.resolve).off('close', room.resolve);
    }
    if (stream.destroyed) await this.#stored;
  }

  async end(): Promise<void> {
    this.#begin().end();
    await this.#stored;
  }

  async discard(): Promise<void> {
    if (this.#stream === undefined || this.#stream.destroyed) return;
    this.#stream.destroy(new MoltbotError('job_cancelled'));
    await this.#stored?.catch(() => undefined);
  }

  #begin(): PassThrough {
    if (this.#stream !== undefined) return this.#stream;
    const stream = new PassThrough({ highWaterMark: WAITING });
    stream.on('error', () => {});
    const file = {
      name: 'templates.jsonl',
      contentType: 'application/x-ndjson',
      body: stream,
      // About as long as the log.
      maxBytes: this.#deps.settings().log_analysis.max_unpacked_size,
    };
    this.#stream = stream;
    this.#stored = this.#deps.keepArtifact(this.#context.jobId, file, this.#context.signal);
    // Whoever writes or ends it is told; a rejection meanwhile is not unhandled.
    this.#stored.catch(() => stream.destroy());
    return stream;
  }
}
