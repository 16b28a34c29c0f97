import type { Admission, Refusal } from '@moltbot/auth';
import { type AttemptRecord, type BatchEndpoint, MoltbotError, type RequestRecord } from '@moltbot/contracts';
import {
  type CallerRequest,
  type ChainPlan,
  createCallerRequest,
  type JsonObject,
  modelsOf,
  openAiChatDoor,
  readJsonObject,
  type Selection,
  wholeMicros,
} from '@moltbot/providers';
import { countRequest } from '../count-request.js';
import type { JobDeps } from '../deps.js';
import type { BatchOwner } from './batch-owner.js';
import { ENDPOINT_DOORS } from './endpoint-door.js';
import { permittedPlan } from './permitted-plan.js';
import { requestSize, type RequestSize } from './request-size.js';

/** What came of sending one request once. */
export type Sent =
  | { readonly type: 'answered'; readonly requestId: string; readonly body: unknown; readonly servedBy: string }
  | { readonly type: 'failed'; readonly requestId: string; readonly error: MoltbotError }
  /** Nothing was sent: the owner's limit is reached for now. */
  | { readonly type: 'limited'; readonly waitMs: number }
  /** Nothing was sent, and nothing more will be: the owner's budget is spent. */
  | { readonly type: 'broke'; readonly error: MoltbotError };

export interface SendOptions {
  readonly deps: Pick<JobDeps, 'requests' | 'limiter' | 'storage' | 'settings' | 'metrics' | 'traces'>;
  readonly endpoint: BatchEndpoint;
  readonly owner: BatchOwner;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

/** A process that has not told the cost so long after the deadline of its request is taken to be dead. */
const LAPSE_MARGIN_MS = 300_000;
const LEAST_WAIT_MS = 250;

/**
 * Sends one request through the failover engine, under its owner's limits and budget, with its row in the ledger.
 * @throws the signal's reason where that ended it; MoltbotError `storage_unavailable`
 */
export async function sendRequest(options: SendOptions): Promise<Sent> {
  const { deps, endpoint, owner, signal } = options;
  const requestId = deps.requests.newRequestId();
  const startedAt = Date.now();
  let prepared: Prepared;
  try {
    prepared = prepare(options, requestId);
  } catch (error) {
    return { type: 'failed', requestId, error: toMoltbotError(error) };
  }
  const { plan, size } = prepared;
  const admission = await admit({ deps, owner, plan, size });
  if (admission instanceof MoltbotError) return { type: 'failed', requestId, error: admission };
  if (admission !== undefined && !admission.admitted) return refused(admission, requestId, size);
  const used = { tokens: 0, costMicros: 0n, attempts: 0 };
  const forget = deps.requests.onAttempt(requestId, (record) => {
    used.attempts += 1;
    count(used, record, prepared);
  });
  const record = (end: Partial<RequestRecord> & Pick<RequestRecord, 'outcome'>): RequestRecord => ({
    requestId,
    startedAt,
    durationMs: Date.now() - startedAt,
    operation: endpoint === '/v1/embeddings' ? 'embeddings' : 'chat',
    dialect: (ENDPOINT_DOORS[endpoint] ?? openAiChatDoor).dialect,
    chain: plan.name,
    apiKeyId: owner.keyId,
    stream: false,
    attempts: used.attempts,
    ...end,
  });
  const { usage: ledger } = await deps.storage();
  const ended = (end: Parameters<typeof record>[0]): void => {
    const row = record(end);
    ledger.recordRequest(row);
    countRequest(deps.metrics, row);
    deps.traces?.ended(row);
  };
  try {
    const { answer, servedBy, usage, costMicros } = await ask({ ...options, prepared, requestId });
    ended({ outcome: 'complete', servedBy, usage, costMicros });
    return { type: 'answered', requestId, body: answer, servedBy };
  } catch (thrown) {
    const error = toMoltbotError(thrown);
    if (signal.aborted) {
      ended({ outcome: 'cancelled', errorCode: 'client_closed' });
      throw signal.reason;
    }
    ended({ outcome: 'failed', errorCode: error.code });
    return { type: 'failed', requestId, error };
  } finally {
    forget();
    admission?.settle({ tokens: used.tokens, costMicros: used.costMicros });
  }
}

interface Prepared {
  readonly plan: ChainPlan;
  readonly size: RequestSize;
  /** Of a chat. */
  readonly call: CallerRequest | undefined;
  readonly value: JsonObject;
}

/** Most inputs of one request, as OpenAI's own limit. */
const MAX_INPUTS = 2_048;

/** @throws MoltbotError `invalid_request`, `model_not_found`, `permission_denied`, … */
function prepare({ deps, endpoint, owner, body }: SendOptions, requestId: string): Prepared {
  const door = ENDPOINT_DOORS[endpoint];
  const call = door && createCallerRequest({ requestId, door, bytes: body });
  const value = call === undefined ? readJsonObject(body) : call.value;
  const { router } = deps.requests;
  const plan = permittedPlan({ router, permissions: owner.models, selection: selectionOf(value, call) });
  const settings = deps.settings().limits;
  return { plan, call, value, size: requestSize({ plan, call, bytes: body, settings }) };
}

function selectionOf(value: JsonObject, call: CallerRequest | undefined): Selection {
  if (call !== undefined) {
    const { model, models } = call;
    return { ...(model !== undefined && { model }), ...(models !== undefined && { models }) };
  }
  const { model, input } = value;
  const inputs = typeof input === 'string' ? input.length : Array.isArray(input) ? input.length : 0;
  if (inputs === 0 || (Array.isArray(input) && inputs > MAX_INPUTS)) {
    throw new MoltbotError('invalid_request', `input: expected a text, or 1 to ${MAX_INPUTS} of them.`, {
      param: 'input',
    });
  }
  if (model !== undefined && typeof model !== 'string') {
    throw new MoltbotError('invalid_request', 'model: expected a string.', { param: 'model' });
  }
  return model === undefined ? {} : { model };
}

async function admit(options: {
  readonly deps: SendOptions['deps'];
  readonly owner: BatchOwner;
  readonly plan: ChainPlan;
  readonly size: RequestSize;
}): Promise<Admission | Refusal | MoltbotError | undefined> {
  const { deps, owner, plan, size } = options;
  const { keyId, limits } = owner;
  if (keyId === undefined || limits === undefined) return undefined;
  const budgeted = limits.budget_per_day !== undefined || limits.budget_per_month !== undefined;
  if (budgeted && size.unpriced.length > 0) {
    const named = size.unpriced.slice(0, 3).join(', ');
    return new MoltbotError('invalid_request', `This key has a budget, and nobody knows what ${named} costs.`, {
      param: 'model',
    });
  }
  const limiter = await deps.limiter();
  return limiter.admit({
    keyId,
    limits,
    tokens: size.tokens,
    worstCaseMicros: budgeted ? size.worstCaseMicros : 0n,
    lapseAfterMs: plan.timeouts.total + LAPSE_MARGIN_MS,
  });
}

/** A limit comes back by itself, and so does money that other requests have set aside; a budget that is spent does not in time. */
function refused(refusal: Refusal, requestId: string, size: RequestSize): Sent {
  const { code, retryAfterMs, held } = refusal;
  if (code === 'key_rate_limited' && retryAfterMs !== undefined) {
    return { type: 'limited', waitMs: Math.max(LEAST_WAIT_MS, retryAfterMs) };
  }
  const cost = Number(size.worstCaseMicros) / 1e6;
  const error = new MoltbotError(
    code,
    `The key’s limits leave no room for this request, which may cost up to ${cost}.`,
    {
      retryAfterMs,
    },
  );
  // It is larger than the whole limit: others may fit.
  if (retryAfterMs === undefined) return { type: 'failed', requestId, error };
  return held ? { type: 'limited', waitMs: 1_000 } : { type: 'broke', error };
}

async function ask(options: SendOptions & { readonly prepared: Prepared; readonly requestId: string }): Promise<{
  readonly answer: unknown;
  readonly servedBy: string;
  readonly usage: RequestRecord['usage'];
  readonly costMicros: number | undefined;
}> {
  const { deps, endpoint, prepared, requestId, body, signal } = options;
  const { engine } = deps.requests;
  const { call, plan, value } = prepared;
  if (call === undefined) {
    const encoding = value['encoding_format'] === 'base64' ? 'base64' : 'float';
    const served = await engine.embed({ requestId, value, bytes: body, encoding, plan, signal });
    const { usage, costMicros, model } = served;
    return { answer: JSON.parse(served.bytes.toString('utf8')), servedBy: model.ref, usage, costMicros };
  }
  const served = await engine.answer({ call, plan, signal });
  const { usage, costMicros, model } = served;
  const answer: unknown = served.sameDialect
    ? JSON.parse(served.answer.bytes.toString('utf8'))
    : (ENDPOINT_DOORS[endpoint] ?? openAiChatDoor).toAnswer(served.answer.answer(), {
        id: requestId,
        created: Math.floor(Date.now() / 1_000),
        model: model.ref,
        includeUsage: false,
        estimatedInputTokens: call.estimatedInputTokens,
        asked: call,
      });
  return { answer, servedBy: model.ref, usage, costMicros };
}

/** What an attempt used, as far as anybody has told: of what was cut off, the most it can have cost. */
function count(used: { tokens: number; costMicros: bigint }, record: AttemptRecord, { plan, size }: Prepared): void {
  if (record.usage !== undefined) {
    used.tokens += record.usage.inputTokens + record.usage.outputTokens;
    used.costMicros += wholeMicros(record.costMicros);
  } else if (record.outcome === 'ok') {
    const model = modelsOf(plan).find(({ ref }) => ref === `${record.provider}:${record.model}`);
    used.tokens += size.inputTokens;
    used.costMicros += wholeMicros(size.inputTokens * (model?.price?.input ?? 0));
  } else if (record.outcome === 'cancelled') {
    used.tokens += size.inputTokens;
    used.costMicros += size.worstCaseMicros;
  }
}

function toMoltbotError(error: unknown): MoltbotError {
  return error instanceof MoltbotError ? error : new MoltbotError('internal_error', undefined, { cause: error });
}
