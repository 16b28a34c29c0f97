import type { Credential, Limiter } from '@moltbot/auth';
import type { Settings, WarmupPrompt } from '@moltbot/config';
import type { AttemptRecord, JobName, JobPayload, JobResult } from '@moltbot/contracts';
import type { Logger, Metrics, RequestTraces } from '@moltbot/observability';
import type { FailoverEngine, ModelRouter } from '@moltbot/providers';
import type { FollowUp, JobCaller } from '@moltbot/queue';
import type { ObjectStore, Storage } from '@moltbot/storage';
import type { Slots } from './batch/slots.js';
import type { TrainingProviders } from './training/training-providers.js';
import type { ThreadPool } from './threads/thread-pool.js';

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
  /**
   * Sends a beginning that many requests share, and tells what the provider counted of it; nothing where it counted nothing.
   * @throws MoltbotError `config_invalid` for a prompt that is none; those of the failover engine
   */
  warmPrompt(
    model: string,
    options: { readonly prompt: WarmupPrompt; readonly signal: AbortSignal; readonly withinMs: number },
  ): Promise<PromptTokens>;
}

export type PromptTokens = Pick<
  JobResult<'prompt-warmup'>['prompts'][number],
  'inputTokens' | 'cachedTokens' | 'writtenTokens'
>;

/** The models as whoever asks them something needs them. */
export interface ModelRequests {
  readonly router: ModelRouter;
  readonly engine: FailoverEngine;
  newRequestId(): string;
  /** Tells of each attempt at a request. @returns ends it */
  onAttempt(requestId: string, listener: (record: AttemptRecord) => void): () => void;
}

/** A file that a job leaves: lower-case letters, digits, `.`, `_`, `-` in its name. */
export interface NewArtifact {
  readonly name: string;
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** By default 1 GB. */
  readonly maxBytes?: number;
}

/** What handlers may use; built once in `wiring.ts`. */
export interface JobDeps {
  readonly models: ModelWarmer;
  /** As they are now: follows edits of the file. */
  readonly settings: () => Settings;
  /** Entries of auth.json, without their secrets. */
  readonly credentials: () => readonly Credential[];
  readonly metrics: Metrics;
  /** Where traces are wanted. */
  readonly traces?: RequestTraces | undefined;
  readonly requests: ModelRequests;
  /** Opened when first needed. @throws MoltbotError `storage_unavailable` */
  readonly storage: () => Promise<Storage>;
  /** Bytes of files; opened when first needed. @throws MoltbotError `object_store_unavailable`, `config_invalid` */
  readonly objects: () => Promise<ObjectStore>;
  /** Limits and budgets of callers, shared with the primaries. @throws MoltbotError `storage_unavailable` */
  readonly limiter: () => Promise<Limiter>;
  /** Providers that train models. */
  readonly training: TrainingProviders;
  /** Requests of batches at the same time. */
  readonly batchSlots: Slots;
  /** For jobs that use the CPU. */
  readonly threads: ThreadPool;
  /** Keeps a file with the job; one of the same name is replaced. @throws MoltbotError `object_store_unavailable`, … */
  readonly keepArtifact: (jobId: string, artifact: NewArtifact, signal: AbortSignal) => Promise<void>;
  /** Whether the queue still knows the job. @throws MoltbotError `queue_unavailable` */
  readonly keepsJob: (jobId: string) => Promise<boolean>;
  /** Aborted when the process begins to stop: a long job ends what is under way and throws `shutting_down`, to be handed on. */
  readonly stopping: AbortSignal;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
}

export interface JobContext {
  readonly jobId: string;
  /** Who asked for the job: the id of a key, or a person; `undefined` where access was open. */
  readonly owner: string | undefined;
  /** What they were allowed then. */
  readonly caller: JobCaller | undefined;
  /** Aborted at the job's time limit, when somebody cancels it, and when the process stops. */
  readonly signal: AbortSignal;
  /** Carries the job's and the trace's id. */
  readonly logger: Logger;
  /** Shown with the job while it runs. */
  readonly progress: (value: object) => Promise<void>;
  /** Begins another job, once in effect however often this one is tried. */
  readonly followUp: FollowUp;
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
