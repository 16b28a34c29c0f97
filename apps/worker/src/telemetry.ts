import { type CredentialsEvent, credentialsEventLine } from '@moltbot/credentials';
import { LOAD_STATE_LEVELS, type LocalModelEvent, localModelEventLine } from '@moltbot/local-models';
import type { Logger, Metrics } from '@moltbot/observability';
import type { JobEvent } from '@moltbot/queue';
import type { RouterObserver } from '@moltbot/providers';
import type { StorageEvent, UsageLedger } from '@moltbot/storage';

export interface TelemetryOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Where the packages' events become log lines and metrics: packages themselves stay silent. */
export interface Telemetry {
  jobEvent(event: JobEvent): void;
  storageEvent(event: StorageEvent): void;
  /** `ledger` is there once the storage is open. */
  routerObserver(ledger: () => UsageLedger | undefined): RouterObserver;
  credentialsEvent(event: CredentialsEvent): void;
  localModelEvent(event: LocalModelEvent): void;
  configChanged(keys: readonly string[], waiting: readonly string[]): void;
  configRefused(error: unknown): void;
}

const BREAKER_LEVELS = { closed: 0, 'half-open': 1, open: 2 } as const;

export function createTelemetry({ logger, metrics }: TelemetryOptions): Telemetry {
  return {
    jobEvent: (event) => {
      reportJob(event, { logger, metrics });
    },

    storageEvent: (event) => {
      if (event.type === 'usage-dropped') {
        metrics.usageRowsDropped.inc(event.count);
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
    },

    localModelEvent: (event) => {
      const { level, message, fields } = localModelEventLine(event);
      logger[level](message, fields);
      metrics.modelLoadState.set({ model: event.model }, LOAD_STATE_LEVELS[event.type]);
    },

    routerObserver: (ledger) => ({
      attempt: (record) => {
        const { provider, model, outcome } = record;
        metrics.attempts.inc({ provider, model, outcome });
        metrics.attemptDuration.observe({ provider, model }, record.durationMs / 1_000);
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
      logger.error('configuration refused, the last good one stays', { reason: messageOf(error) });
    },
  };
}

function reportJob(event: JobEvent, { logger, metrics }: TelemetryOptions): void {
  if (event.type === 'stalled') {
    logger.warn('job taken over: its worker was not heard of', { jobId: event.id, queue: event.queue });
    return;
  }
  const { attempt, durationMs } = event;
  const job = attempt.name;
  metrics.jobs.inc({ job, outcome: event.type });
  metrics.jobDuration.observe({ job }, durationMs / 1_000);
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
