import { AsyncLocalStorage } from 'node:async_hooks';
import { parseTraceparent } from '../trace-context.js';
import { RequestTraces } from './request-traces.js';
import type { OpenSpan } from './span.js';
import { parentOf, type Tracing } from './tracing.js';

/** One attempt at a job. */
export interface TracedJob {
  readonly name: string;
  readonly id: string;
  readonly queue: string;
  readonly attempt: number;
  /** Of whoever submitted it. */
  readonly traceparent?: string | undefined;
}

/** Spans of jobs, within the trace of whoever submitted them, and of the requests that they make. */
export class JobTraces {
  readonly requests: RequestTraces;
  readonly #tracing: Tracing;
  readonly #current = new AsyncLocalStorage<OpenSpan>();

  constructor(options: { readonly tracing: Tracing; readonly propagateTo: () => readonly string[] }) {
    this.#tracing = options.tracing;
    this.requests = new RequestTraces({ ...options, job: () => this.#current.getStore() });
  }

  /** Of the job that runs now. */
  get traceId(): string | undefined {
    return this.#current.getStore()?.traceId;
  }

  /** Does the work within the job's span. `errorOf`: the code that a failure is known by; none where it is no failure. */
  async run<T>(job: TracedJob, work: () => Promise<T>, errorOf: (error: unknown) => string | undefined): Promise<T> {
    const span = this.#tracing.start(parentOf(parseTraceparent(job.traceparent)));
    const startedAt = Date.now();
    const began = performance.now();
    let error: string | undefined;
    try {
      return await this.#current.run(span, work);
    } catch (reason) {
      error = errorOf(reason);
      throw reason;
    } finally {
      this.requests.jobEnded(span);
      this.#tracing.end(span, {
        name: `process ${job.name}`,
        kind: 'consumer',
        startedAt,
        durationMs: performance.now() - began,
        error,
        attributes: {
          'messaging.system': 'bullmq',
          'messaging.operation.name': 'process',
          'messaging.operation.type': 'process',
          'messaging.destination.name': job.queue,
          'messaging.message.id': job.id,
          'moltbot.job.name': job.name,
          'moltbot.job.attempt': job.attempt,
        },
      });
    }
  }
}
