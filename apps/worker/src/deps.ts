import type { Settings } from '@moltbot/config';
import type { JobName, JobPayload, JobResult } from '@moltbot/contracts';
import type { Logger, Metrics } from '@moltbot/observability';

/** The models as the warm-up needs them. */
export interface ModelWarmer {
  /**
   * `provider:model` of what stands behind a chain or model name; `undefined`: the default chain.
   * @throws MoltbotError `model_not_found`, `model_ambiguous`
   */
  resolve(name: string | undefined): readonly string[];
  /**
   * Opens the smallest possible chat with one model and waits for its answer.
   * @throws MoltbotError of the failover engine
   */
  warm(model: string, options: { readonly signal: AbortSignal; readonly withinMs: number }): Promise<void>;
}

/** What handlers may use; built once in `wiring.ts`. */
export interface JobDeps {
  readonly models: ModelWarmer;
  /** As they are now: follows edits of the file. */
  readonly settings: () => Settings;
  readonly metrics: Metrics;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
}

export interface JobContext {
  /** Aborted at the job's time limit and when the process stops. */
  readonly signal: AbortSignal;
  /** Carries the job's and the trace's id. */
  readonly logger: Logger;
  /** Shown with the job while it runs. */
  readonly progress: (value: object) => Promise<void>;
}

/**
 * One job. Safe to run twice: a worker that dies hands its job to another. A MoltbotError that is not retryable ends the
 * job for good; anything else thrown lets it be tried again.
 */
export type JobHandler<N extends JobName> = (
  payload: JobPayload<N>,
  deps: JobDeps,
  context: JobContext,
) => Promise<JobResult<N>>;

export type JobHandlers = { readonly [N in JobName]: JobHandler<N> };
