import { type FailureKind, ProviderError } from '../../failure.js';
import { failureOfStatus } from '../../http/failure-of-status.js';
import { parseRetryAfter } from '../../http/retry-after.js';
import { parseJson, readCount, readList, readObject, readText } from '../../read-json.js';
import type { JsonObject } from '../../caller-request.js';
import type { ErrorResponse } from '../../wire.js';

/** google.rpc.Code by name; what is missing goes by the HTTP status. */
const KINDS_BY_STATUS: ReadonlyMap<string, FailureKind> = new Map([
  ['ABORTED', 'server-error'],
  ['DEADLINE_EXCEEDED', 'overloaded'],
  // No free tier in this country, billing not set up, the service not switched on: the account's fault, not the request's.
  ['FAILED_PRECONDITION', 'credential-rejected'],
  ['INTERNAL', 'server-error'],
  ['INVALID_ARGUMENT', 'invalid-request'],
  ['NOT_FOUND', 'model-not-found'],
  ['OUT_OF_RANGE', 'invalid-request'],
  ['PERMISSION_DENIED', 'credential-rejected'],
  ['RESOURCE_EXHAUSTED', 'rate-limited'],
  ['UNAUTHENTICATED', 'credential-rejected'],
  ['UNAVAILABLE', 'overloaded'],
  ['UNKNOWN', 'server-error'],
]);

/** google.rpc.ErrorInfo reasons that say more than the status (a bad key comes as a 400 INVALID_ARGUMENT). */
const KINDS_BY_REASON: ReadonlyMap<string, FailureKind> = new Map([
  ['ACCESS_TOKEN_EXPIRED', 'credential-rejected'],
  ['ACCESS_TOKEN_SCOPE_INSUFFICIENT', 'credential-rejected'],
  ['ACCOUNT_STATE_INVALID', 'credential-rejected'],
  ['API_KEY_ANDROID_APP_BLOCKED', 'credential-rejected'],
  ['API_KEY_EXPIRED', 'credential-rejected'],
  ['API_KEY_HTTP_REFERRER_BLOCKED', 'credential-rejected'],
  ['API_KEY_INVALID', 'credential-rejected'],
  ['API_KEY_IOS_APP_BLOCKED', 'credential-rejected'],
  ['API_KEY_IP_ADDRESS_BLOCKED', 'credential-rejected'],
  ['API_KEY_SERVICE_BLOCKED', 'credential-rejected'],
  ['BILLING_DISABLED', 'quota-exhausted'],
  ['CONSUMER_INVALID', 'credential-rejected'],
  ['CONSUMER_SUSPENDED', 'credential-rejected'],
  ['CREDENTIALS_MISSING', 'credential-rejected'],
  ['SERVICE_DISABLED', 'credential-rejected'],
  ['USER_PROJECT_DENIED', 'credential-rejected'],
]);

const MAX_DETAILS = 32;

/** A response that is no 2xx. The body is Google's `{error: {code, message, status, details}}`, bare or in a list. */
export function fromError(response: ErrorResponse): ProviderError {
  const body = parseJson(response.body.toString('utf8'));
  return toProviderError(readErrorObject(body), {
    status: response.status,
    retryAfterMs: parseRetryAfter(response.headers, response.now),
  });
}

/** The error object of an answer or event, if it is one. */
export function readErrorObject(value: unknown): JsonObject | undefined {
  const holder = readObject(Array.isArray(value) ? value[0] : value);
  return readObject(holder?.['error']);
}

export interface ErrorContext {
  /** The HTTP status; within a 200 the error's own `code` counts. */
  readonly status: number;
  readonly retryAfterMs?: number | undefined;
  /** What an error is that says nothing known, where the HTTP status was good. */
  readonly unknown?: FailureKind | undefined;
}

export function toProviderError(error: JsonObject | undefined, context: ErrorContext): ProviderError {
  const rpcStatus = readText(error?.['status']);
  const code = readCount(error?.['code']);
  const status = context.status >= 300 || code === undefined || code < 400 || code > 599 ? context.status : code;
  const details = readDetails(error);
  const kind = kindOf({ status, rpcStatus, details, unknown: context.unknown });
  const callersFault = kind === 'invalid-request';
  return new ProviderError(kind, `Gemini answered with status ${status}.`, {
    status,
    providerCode: details.reason ?? rpcStatus,
    param: callersFault ? details.field : undefined,
    retryAfterMs: details.retryDelayMs ?? context.retryAfterMs,
    callerMessage: callersFault ? readText(error?.['message']) : undefined,
  });
}

function kindOf(facts: {
  readonly status: number;
  readonly rpcStatus: string | undefined;
  readonly details: Details;
  readonly unknown: FailureKind | undefined;
}): FailureKind {
  const { status, rpcStatus, details } = facts;
  const kind = KINDS_BY_REASON.get(details.reason ?? '') ?? KINDS_BY_STATUS.get(rpcStatus ?? '');
  // A spent day comes back tomorrow, not after RetryInfo's seconds.
  if (kind === 'rate-limited' && details.dailyQuota) return 'quota-exhausted';
  return kind ?? (status < 400 ? facts.unknown : undefined) ?? failureOfStatus(status);
}

interface Details {
  readonly reason: string | undefined;
  readonly retryDelayMs: number | undefined;
  readonly dailyQuota: boolean;
  readonly field: string | undefined;
}

/** google/rpc/error_details.proto: ErrorInfo, RetryInfo, QuotaFailure, BadRequest. */
function readDetails(error: JsonObject | undefined): Details {
  let reason: string | undefined;
  let retryDelayMs: number | undefined;
  let dailyQuota = false;
  let field: string | undefined;
  for (const item of readList(error?.['details']).slice(0, MAX_DETAILS)) {
    const detail = readObject(item);
    const type = readText(detail?.['@type']) ?? '';
    if (detail === undefined) continue;
    if (type.endsWith('/google.rpc.ErrorInfo')) reason ??= readText(detail['reason']);
    else if (type.endsWith('/google.rpc.RetryInfo')) retryDelayMs ??= readDuration(detail['retryDelay']);
    else if (type.endsWith('/google.rpc.QuotaFailure')) {
      dailyQuota ||= readList(detail['violations']).some((violation) => isDaily(readObject(violation)));
    } else if (type.endsWith('/google.rpc.BadRequest')) {
      field ??= readText(readObject(readList(detail['fieldViolations'])[0])?.['field']);
    }
  }
  return { reason, retryDelayMs, dailyQuota, field };
}

/** `GenerateRequestsPerDayPerProjectPerModel-FreeTier` against `…PerMinute…`. */
function isDaily(violation: JsonObject | undefined): boolean {
  return readText(violation?.['quotaId'])?.includes('PerDay') ?? false;
}

/** google.protobuf.Duration as JSON: `34.074824224s`; or as an object of seconds and nanos. */
function readDuration(value: unknown): number | undefined {
  const object = readObject(value);
  const seconds =
    object === undefined
      ? Number(/^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(readText(value) ?? '')?.[1] ?? Number.NaN)
      : (readCount(Number(object['seconds'] ?? 0)) ?? 0) + (readCount(object['nanos']) ?? 0) / 1e9;
  return Number.isFinite(seconds) ? Math.ceil(seconds * 1_000) : undefined;
}
