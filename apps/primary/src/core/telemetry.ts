import type {
  ApiKeyVerifierEvent,
  BudgetLedger,
  CredentialStatus,
  JwtVerifierEvent,
  LimiterEvent,
} from '@moltbot/auth';
import type { MoltbotError, RequestRecord } from '@moltbot/contracts';
import { type CredentialsEvent, credentialsEventLine } from '@moltbot/credentials';
import { LOAD_STATE_LEVELS, type LocalModelEvent, localModelEventLine } from '@moltbot/local-models';
import type { Logger, Metrics } from '@moltbot/observability';
import type { RouterObserver } from '@moltbot/providers';
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

const REFRESH_RESULTS: { readonly [Type in CredentialsEvent['type']]?: string } = {
  'credential-refreshed': 'ok',
  'credential-refresh-failed': 'failed',
  'credential-revoked': 'revoked',
};
const CREDENTIALS_LOOK_MS = 30_000;

const BREAKER_LEVELS = { closed: 0, 'half-open': 1, open: 2 } as const;

/** Where the packages' events become log lines, metrics and ledger rows: packages themselves stay silent. */
export interface Telemetry {
  readonly logger: Logger;
  routerObserver(ledger: UsageLedger): RouterObserver;
  requestBegan(): void;
  requestEnded(record: RequestRecord): void;
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
  /** Shows now and then what the store knows of credentials, whoever refreshed them. @returns ends it */
  followCredentials(status: () => Promise<readonly CredentialStatus[]>): () => void;
  modelListFailed(provider: string, error: unknown): void;
  localModelEvent(event: LocalModelEvent): void;
  configChanged(keys: readonly string[]): void;
  configRefused(error: unknown): void;
}

export function createTelemetry(options: { readonly logger: Logger; readonly metrics: Metrics }): Telemetry {
  const { logger, metrics } = options;
  return {
    logger,
    routerObserver: (ledger) => {
      metrics.onRender(() => metrics.usageRowsBuffered.set(ledger.stats().buffered));
      return routerObserver({ logger, metrics, ledger });
    },

    requestBegan: () => metrics.requestsInFlight.inc(),

    requestEnded(record) {
      const { operation, outcome, errorCode } = record;
      metrics.requestsInFlight.dec();
      metrics.requests.inc({ operation, dialect: record.dialect, outcome });
      metrics.requestDuration.observe(
        { operation, stream: record.stream ? 'true' : 'false' },
        record.durationMs / 1_000,
      );
      if (record.stream) metrics.streamOutcomes.inc({ outcome });
      const denied = isDenial(record);
      if (errorCode !== undefined && denied) metrics.accessDenied.inc({ reason: errorCode });
      if (record.usage !== undefined && record.servedBy !== undefined) countUsage(metrics, record, record.servedBy);
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
      const result = REFRESH_RESULTS[event.type];
      if (result !== undefined && 'id' in event) metrics.credentialRefreshes.inc({ credential: event.id, result });
      if (event.type === 'credential-refreshed' && event.expiresAt !== undefined) {
        metrics.credentialExpires.set({ credential: event.id }, event.expiresAt / 1_000);
      }
    },

    followCredentials(status) {
      const show = async (): Promise<void> => {
        for (const { id, state, expiresAt } of await status()) {
          metrics.credentialUsable.set({ credential: id }, state === 'ok' || state === 'expiring' ? 1 : 0);
          if (expiresAt !== undefined) metrics.credentialExpires.set({ credential: id }, expiresAt / 1_000);
        }
      };
      // A store that is away has been told of already.
      const look = (): void => void show().catch(() => undefined);
      const timer = setInterval(look, CREDENTIALS_LOOK_MS);
      timer.unref();
      look();
      return () => clearInterval(timer);
    },

    modelListFailed: (provider, error) => logger.debug('no list of models', { provider, error: errorText(error) }),

    localModelEvent(event) {
      const { level, message, fields } = localModelEventLine(event);
      logger[level](message, fields);
      metrics.modelLoadState.set({ model: event.model }, LOAD_STATE_LEVELS[event.type]);
      if (event.type === 'warm') metrics.modelLoad.observe({ model: event.model }, event.loadMs / 1_000);
    },

    configChanged(keys) {
      metrics.configReloads.inc({ result: 'applied' });
      logger.info('configuration changed', { keys: keys.join(', ') });
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
      metrics.attempts.inc({ provider, model, outcome });
      metrics.attemptDuration.observe({ provider, model }, record.durationMs / 1_000);
      if (record.firstContentMs !== undefined)
        metrics.firstContent.observe({ provider, model }, record.firstContentMs / 1_000);
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

function countUsage(metrics: Metrics, record: RequestRecord, servedBy: string): void {
  const colon = servedBy.indexOf(':');
  const provider = servedBy.slice(0, colon);
  const model = servedBy.slice(colon + 1);
  const { usage } = record;
  if (usage === undefined) return;
  metrics.tokens.inc({ provider, model, direction: 'input' }, usage.inputTokens);
  metrics.tokens.inc({ provider, model, direction: 'output' }, usage.outputTokens);
  if (usage.cachedInputTokens) metrics.tokens.inc({ provider, model, direction: 'cached' }, usage.cachedInputTokens);
  if (usage.reasoningTokens) metrics.tokens.inc({ provider, model, direction: 'reasoning' }, usage.reasoningTokens);
  if (record.costMicros) metrics.costMicros.inc({ provider, model }, record.costMicros);
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
