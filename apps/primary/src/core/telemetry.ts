import type {
  ApiKeyVerifierEvent,
  BudgetLedger,
  CredentialStatus,
  JwtVerifierEvent,
  LimiterEvent,
} from '@moltbot/auth';
import { DIALECTS, isCallersFault, type MoltbotError, type RequestRecord } from '@moltbot/contracts';
import { type CredentialsEvent, credentialsEventLine, refreshResultOf } from '@moltbot/credentials';
import { LOAD_STATE_LEVELS, type LocalModelEvent, localModelEventLine } from '@moltbot/local-models';
import {
  BREAKER_LEVELS,
  countAttempt,
  countRequest,
  type Logger,
  type Metrics,
  watchCredentials,
  watchTargets,
} from '@moltbot/observability';
import { type ModelRouter, type RouterObserver, type RunningFailoverEngine, standingOf } from '@moltbot/providers';
import type { QuotasEvent, RedisConnectionEvent } from '@moltbot/state';
import type { StorageEvent, UsageLedger } from '@moltbot/storage';

/** Error codes that a request is refused with before anything is asked upstream. */
const DENIALS: ReadonlySet<string> = new Set([
  'authentication_required',
  'invalid_api_key',
  'invalid_token',
  'permission_denied',
  'forbidden_origin',
  'overloaded',
  'shutting_down',
]);

/** Error codes of a caller's own limits: denials too, where nothing was asked upstream. */
const LIMITS: ReadonlySet<string> = new Set(['key_rate_limited', 'budget_exhausted']);

/** Whether the request was turned away at the door: it never got as far as a chain, or not into it. */
export function isDenial({
  chain,
  errorCode,
  attempts,
}: Pick<RequestRecord, 'chain' | 'errorCode' | 'attempts'>): boolean {
  if (errorCode === undefined) return false;
  return chain === '' ? DENIALS.has(errorCode) : attempts === 0 && LIMITS.has(errorCode);
}

/** Where the packages' events become log lines, metrics and ledger rows: packages themselves stay silent. */
export interface Telemetry {
  readonly logger: Logger;
  routerObserver(ledger: UsageLedger): RouterObserver;
  /** Shows with each scrape how the targets of the chains stand, and now and then what the store knows of credentials. @returns ends it */
  follow(parts: {
    readonly router: ModelRouter;
    readonly engine: RunningFailoverEngine;
    readonly credentials: () => Promise<readonly CredentialStatus[]>;
  }): () => void;
  requestBegan(): void;
  requestEnded(record: RequestRecord): void;
  /** A request whose connection has long been gone, and that nobody ended: a fault of ours. */
  requestLost(requestId: string): void;
  fault(requestId: string, error: MoltbotError): void;
  storageEvent(event: StorageEvent): void;
  stateEvent(event: RedisConnectionEvent): void;
  accessEvent(event: ApiKeyVerifierEvent | JwtVerifierEvent): void;
  /** @returns what hears of callers' limits and budgets */
  limiterObserver(budgets: Pick<BudgetLedger, 'stats'>): (event: LimiterEvent) => void;
  quotasEvent(event: QuotasEvent): void;
  /** A caller with a budget asked for a model without a price. */
  unpriced(): void;
  credentialsEvent(event: CredentialsEvent): void;
  modelListFailed(provider: string, error: unknown): void;
  localModelEvent(event: LocalModelEvent): void;
  configChanged(keys: readonly string[], waiting: readonly string[]): void;
  configRefused(error: unknown): void;
}

const OUTCOMES = ['complete', 'rescued', 'refused', 'failed', 'interrupted', 'cancelled'] as const;

export function createTelemetry(options: { readonly logger: Logger; readonly metrics: Metrics }): Telemetry {
  const { logger, metrics } = options;
  metrics.quotasShared.set(0);
  // From zero on, so that the first failure is seen as a change.
  for (const dialect of DIALECTS) {
    for (const outcome of OUTCOMES) metrics.requests.inc({ operation: 'chat', dialect, outcome }, 0);
  }
  return {
    logger,
    routerObserver: (ledger) => {
      metrics.onRender(() => metrics.usageRowsBuffered.set(ledger.stats().buffered));
      return routerObserver({ logger, metrics, ledger });
    },

    follow({ router, engine, credentials }) {
      const watched = watchCredentials(metrics, credentials);
      const stopTargets = watchTargets({
        metrics,
        chains: () => standingOf(router, engine, watched.unusable),
        retriesLeft: () => engine.retriesLeft(),
        clocks: () => engine.clocks(),
      });
      return () => {
        stopTargets();
        watched.stop();
      };
    },

    requestBegan: () => metrics.requestsInFlight.inc(),

    requestLost(requestId) {
      metrics.unaccounted.inc({ why: 'open' });
      logger.error('request had no end', { requestId });
    },

    requestEnded(record) {
      const { operation, outcome, errorCode } = record;
      metrics.requestsInFlight.dec();
      countRequest(metrics, record, errorCode !== undefined && isCallersFault(errorCode));
      const denied = isDenial(record);
      if (errorCode !== undefined && denied) metrics.accessDenied.inc({ reason: errorCode });
      // Refusals at the door are counted: a line for each would let strangers fill the log.
      const bad = outcome === 'interrupted' || (outcome === 'failed' && !denied);
      if (logger.isDebug || bad) {
        const level = bad ? 'warn' : 'debug';
        logger[level]('request ended', {
          requestId: record.requestId,
          operation,
          chain: record.chain,
          outcome,
          errorCode,
          servedBy: record.servedBy,
          attempts: record.attempts,
          durationMs: Math.round(record.durationMs),
        });
      }
    },

    fault(requestId, error) {
      const { cause } = error;
      logger.error('fault', {
        requestId,
        error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
      });
    },

    storageEvent(event) {
      if (event.type === 'usage-dropped') {
        metrics.usageRowsDropped.inc(event.count);
        metrics.unaccounted.inc({ why: 'ledger' }, event.requests);
        logger.error('usage rows dropped', { count: event.count, reason: event.reason });
      } else if (event.type === 'audit-dropped') {
        metrics.auditRowsDropped.inc(event.count);
        logger.error('audit rows dropped', { count: event.count, reason: event.reason });
      } else if ('error' in event) {
        logger.warn(event.type, { error: errorText(event.error) });
      } else {
        logger.info(event.type, { ...event });
      }
    },

    stateEvent(event) {
      if (event.type === 'lost') logger.warn('shared state lost', { reason: event.reason });
      else logger.info('shared state connected');
    },

    accessEvent(event) {
      if (event.type === 'api-key-grace')
        logger.warn(event.type, { keyId: event.keyId, verifiedMsAgo: event.verifiedMsAgo });
      else if ('error' in event) logger.warn(event.type, { error: errorText(event.error) });
      else if (event.type === 'issuer-insecure') logger.warn(event.type, { url: event.url });
      else logger.info(event.type);
    },

    limiterObserver(budgets) {
      metrics.onRender(() => {
        const { open, unwritten } = budgets.stats();
        metrics.budgetReservationsOpen.set(open);
        metrics.budgetSettlementsUnwritten.set(unwritten);
      });
      return (event) => {
        if (event.type === 'refused') metrics.limitRefusals.inc({ limit: event.by });
        else if (event.type === 'reserved') metrics.budgetReservation.observe(event.durationMs / 1_000);
        else if (event.costMicros > event.reservedMicros) metrics.budgetOverruns.inc();
      };
    },

    quotasEvent({ shared, reason }) {
      metrics.quotasShared.set(shared ? 1 : 0);
      if (shared) logger.info('limits are counted over all processes');
      else logger.warn('limits are counted by each process for itself', { reason });
    },

    unpriced: () => metrics.limitRefusals.inc({ limit: 'unpriced' }),

    credentialsEvent(event) {
      const { level, message, fields } = credentialsEventLine(event);
      logger[level](message, fields);
      const refresh = refreshResultOf(event);
      if (refresh !== undefined) metrics.credentialRefreshes.inc(refresh);
      if (event.type === 'credential-refreshed' && event.expiresAt !== undefined) {
        metrics.credentialExpires.set({ credential: event.id }, event.expiresAt / 1_000);
      }
    },

    modelListFailed: (provider, error) => logger.debug('no list of models', { provider, error: errorText(error) }),

    localModelEvent(event) {
      const { level, message, fields } = localModelEventLine(event);
      logger[level](message, fields);
      metrics.modelLoadState.set({ model: event.model }, LOAD_STATE_LEVELS[event.type]);
      if (event.type === 'warm') metrics.modelLoad.observe({ model: event.model }, event.loadMs / 1_000);
    },

    configChanged(keys, waiting) {
      metrics.configReloads.inc({ result: 'applied' });
      logger.info('configuration changed', { settings: keys.join(', ') });
      if (waiting.length > 0) logger.warn('takes effect at the next start', { settings: waiting.join(', ') });
    },

    configRefused(error) {
      metrics.configReloads.inc({ result: 'refused' });
      logger.error('configuration refused, the last good one stays', { error: errorText(error) });
    },
  };
}

function routerObserver(options: { logger: Logger; metrics: Metrics; ledger: UsageLedger }): RouterObserver {
  const { logger, metrics, ledger } = options;
  return {
    attempt(record) {
      const { provider, model, outcome } = record;
      countAttempt(metrics, record);
      ledger.recordAttempt(record);
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
    fallback(event) {
      metrics.fallbacks.inc({ from: event.from, to: event.to, reason: event.reason });
    },
    rescue(event) {
      metrics.rescues.inc({ rung: event.rung, outcome: event.outcome });
      logger.warn('answer broke off', { requestId: event.requestId, rung: event.rung, outcome: event.outcome });
    },
    breaker(event) {
      metrics.breakerState.set({ target: event.target }, BREAKER_LEVELS[event.state]);
      metrics.breakerTransitions.inc({ target: event.target, to: event.state });
      logger.warn('breaker', { target: event.target, state: event.state });
    },
    deadTargetCall: (event) => metrics.deadTargetCalls.inc({ target: event.target }),
    credential(event) {
      metrics.credentialState.set({ credential: event.credential }, event.state === 'out' ? 0 : 1);
      logger.warn('credential', { ...event });
    },
    retryBudget: (event) => metrics.retryBudgetRemaining.set(event.remaining),
  };
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
