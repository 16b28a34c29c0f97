import type { CredentialStatus } from '@moltbot/auth';
import { JOBS } from '@moltbot/contracts';
import { type CredentialsEvent, credentialsEventLine, refreshResultOf } from '@moltbot/credentials';
import { LOAD_STATE_LEVELS, type LocalModelEvent, localModelEventLine } from '@moltbot/local-models';
import {
  BREAKER_LEVELS,
  countAttempt,
  type Logger,
  type Metrics,
  watchCredentials,
  watchTargets,
} from '@moltbot/observability';
import type { JobEvent } from '@moltbot/queue';
import type { RouterObserver } from '@moltbot/providers';
import type { StorageEvent, UsageLedger } from '@moltbot/storage';
import type { OpenModels } from './open-models.js';

export interface TelemetryOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Unix time in ms. */
  readonly clock?: (() => number) | undefined;
}

/** Where the packages' events become log lines and metrics: packages themselves stay silent. */
export interface Telemetry {
  jobEvent(event: JobEvent): void;
  storageEvent(event: StorageEvent): void;
  /** `ledger` is there once the storage is open. */
  routerObserver(ledger: () => UsageLedger | undefined): RouterObserver;
  credentialsEvent(event: CredentialsEvent): void;
  /** Shows with each scrape how models and credentials stand. @returns ends it */
  follow(parts: {
    readonly models: Pick<OpenModels, 'standing' | 'engine'>;
    readonly credentials: () => Promise<readonly CredentialStatus[]>;
  }): () => void;
  localModelEvent(event: LocalModelEvent): void;
  configChanged(keys: readonly string[], waiting: readonly string[]): void;
  configRefused(error: unknown): void;
}

const JOB_OUTCOMES: readonly JobEvent['type'][] = [
  'completed',
  'failed',
  'dead',
  'cancelled',
  'handed-back',
  'stalled',
];

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { logger, metrics } = options;
  // From zero on, so that the first event is seen as a change.
  for (const type of Object.keys(JOBS)) for (const outcome of JOB_OUTCOMES) metrics.jobs.inc({ type, outcome }, 0);
  return {
    jobEvent: (event) => {
      reportJob(event, options);
    },

    storageEvent: (event) => {
      if (event.type === 'usage-dropped') {
        metrics.usageRowsDropped.inc(event.count);
        metrics.unaccounted.inc({ why: 'ledger' }, event.requests);
        logger.error('usage rows dropped', { count: event.count, reason: event.reason });
      } else if ('error' in event) {
        logger.warn(event.type, { error: event.error });
      } else {
        const { type, ...fields } = event;
        logger.info(type, fields);
      }
    },

    credentialsEvent: (event) => {
      const { level, message, fields } = credentialsEventLine(event);
      logger[level](message, fields);
      const refresh = refreshResultOf(event);
      if (refresh !== undefined) metrics.credentialRefreshes.inc(refresh);
    },

    follow: ({ models: { standing, engine }, credentials }) => {
      const watched = watchCredentials(metrics, credentials);
      const stopTargets = watchTargets({
        metrics,
        chains: () => standing(watched.unusable),
        retriesLeft: () => engine.retriesLeft(),
        clocks: () => engine.clocks(),
      });
      return () => {
        stopTargets();
        watched.stop();
      };
    },

    localModelEvent: (event) => {
      const { level, message, fields } = localModelEventLine(event);
      logger[level](message, fields);
      metrics.modelLoadState.set({ model: event.model }, LOAD_STATE_LEVELS[event.type]);
      if (event.type === 'warm') metrics.modelLoad.observe({ model: event.model }, event.loadMs / 1_000);
    },

    routerObserver: (ledger) => ({
      attempt: (record) => {
        const { provider, model, outcome } = record;
        countAttempt(metrics, record);
        ledger()?.recordAttempt(record);
        if (outcome !== 'ok' && outcome !== 'cancelled') {
          logger.warn('attempt failed', {
            requestId: record.requestId,
            target: `${provider}:${model}`,
            credential: record.credential,
            outcome,
            status: record.status,
            connection: record.connection,
            durationMs: Math.round(record.durationMs),
          });
        }
      },
      fallback: ({ from, to, reason }) => {
        metrics.fallbacks.inc({ from, to, reason });
      },
      rescue: ({ requestId, rung, outcome }) => {
        metrics.rescues.inc({ rung, outcome });
        logger.warn('answer broke off', { requestId, rung, outcome });
      },
      breaker: ({ target, state }) => {
        metrics.breakerState.set({ target }, BREAKER_LEVELS[state]);
        metrics.breakerTransitions.inc({ target, to: state });
        logger.warn('breaker', { target, state });
      },
      deadTargetCall: ({ target }) => {
        metrics.deadTargetCalls.inc({ target });
      },
      credential: (event) => {
        metrics.credentialState.set({ credential: event.credential }, event.state === 'out' ? 0 : 1);
        logger.warn('credential', { ...event });
      },
      retryBudget: ({ remaining }) => {
        metrics.retryBudgetRemaining.set(remaining);
      },
    }),

    configChanged: (keys, waiting) => {
      metrics.configReloads.inc({ result: 'applied' });
      logger.info('configuration changed', { settings: keys.join(', ') });
      if (waiting.length > 0) logger.warn('takes effect at the next start', { settings: waiting.join(', ') });
    },

    configRefused: (error) => {
      metrics.configReloads.inc({ result: 'refused' });
      logger.error('configuration refused, the last good one stays', { error: messageOf(error) });
    },
  };
}

function reportJob(event: JobEvent, { logger, metrics, clock = Date.now }: TelemetryOptions): void {
  if (event.type === 'stalled') {
    metrics.jobs.inc({ type: event.name, outcome: event.type });
    logger.warn('job taken over: its worker was not heard of', { jobId: event.id, queue: event.queue });
    return;
  }
  const { attempt, durationMs } = event;
  const job = attempt.name;
  metrics.jobs.inc({ type: job, outcome: event.type });
  metrics.jobDuration.observe({ type: job }, durationMs / 1_000);
  // What has begun before waits because it is backed off, or put off.
  if (attempt.dueAt !== undefined) {
    metrics.jobWait.observe({ type: job }, (clock() - durationMs - attempt.dueAt) / 1_000);
  }
  const fields = {
    job,
    jobId: attempt.id,
    attempt: attempt.attempt,
    of: attempt.attempts,
    durationMs: Math.round(durationMs),
  };
  switch (event.type) {
    case 'completed':
      logger.info('job completed', fields);
      break;
    case 'cancelled':
      logger.info('job cancelled', fields);
      break;
    case 'put-off':
      logger.debug('job put off', fields);
      break;
    case 'handed-back':
      logger.info('job handed back', fields);
      break;
    case 'failed':
      logger.warn('job failed, will be tried again', { ...fields, reason: messageOf(event.error) });
      break;
    case 'dead':
      logger.error('job failed for good', { ...fields, reason: messageOf(event.error) });
      break;
    default:
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
