import { type AttemptSummary, type ErrorCode, MoltbotError } from '@moltbot/contracts';
import type { FailureKind, ProviderError } from '../failure.js';
import type { ChainPlan, Model } from '../target.js';
import { FAILURE_TABLE } from './classify.js';
import type { Unfitness } from './fitness.js';

/** Why a model of the chain did not answer. */
export type Fault =
  /** It was called and failed. `unpaid`: without a credential. */
  | { readonly cause: 'called'; readonly model: Model; readonly error: ProviderError; readonly unpaid?: boolean }
  /** Its breaker is open, or every credential is out or cooling; `untilMs` is Unix time. */
  | { readonly cause: 'known-bad'; readonly model: Model; readonly kind: FailureKind; readonly untilMs: number }
  /** It can't take this call, or there is nobody to pay for it. */
  | { readonly cause: 'unfit'; readonly model: Model; readonly unfitness: Unfitness };

/** The `providerCode` of a failure that is ours. */
export const OWN_FAULT = 'internal_error';

/** Codes of a credential that could not be used, and of a model that could not be loaded: they say more than `unfit`. */
const TELLING_CODES: ReadonlySet<ErrorCode> = new Set([
  'credential_missing',
  'credential_expired',
  'credential_refresh_failed',
  'token_store_unavailable',
  'secret_key_unavailable',
  'model_load_failed',
  'model_load_timeout',
  'model_file_missing',
  'model_file_invalid',
  'model_file_too_large',
  'local_memory_full',
  'local_engine_missing',
]);

export interface FinalErrorOptions {
  /** One for each model of the chain, in the order in which they were come upon. */
  readonly faults: readonly Fault[];
  readonly plan: ChainPlan;
  readonly attempts: readonly AttemptSummary[];
  /** Unix time in ms. */
  readonly now: number;
}

/** The kind that moved a request on from a model. */
export function kindOfFault(fault: Fault): FailureKind {
  if (fault.cause === 'called') return fault.error.kind;
  return fault.cause === 'known-bad' ? fault.kind : 'unfit';
}

/** The same in a word, for whoever is told of the fallback: a kind of failure, or the code of what can't be used. */
export function reasonOfFault(fault: Fault): FailureKind | ErrorCode {
  if (fault.cause === 'unfit' && TELLING_CODES.has(fault.unfitness.code)) return fault.unfitness.code;
  return kindOfFault(fault);
}

/** What the caller is told after every model failed: the primary's error in our words, with the attempts. */
export function finalError(options: FinalErrorOptions): MoltbotError {
  const { faults, plan, attempts } = options;
  // A model that could not take the call says less than one that failed.
  const fault = faults.find(({ cause }) => cause !== 'unfit') ?? faults[0];
  if (fault === undefined) {
    return new MoltbotError('model_not_found', `The chain ${plan.name} has no model`, { attempts });
  }
  if (fault.cause === 'unfit') return unfitError(fault.unfitness, options);
  const kind = kindOfFault(fault);
  if (fault.cause === 'called' && FAILURE_TABLE[kind].passedOn)
    return passedOnError(fault.error, fault.model, attempts);
  const code = codeOf(fault, plan);
  return new MoltbotError(code, sayFailure(fault, options), {
    attempts,
    retryAfterMs: retryAfterOf(code, options),
    param: code === 'model_not_found' ? 'model' : undefined,
    cause: fault.cause === 'called' ? fault.error : undefined,
  });
}

/** A caller's own fault that the provider found: its 4xx status and its words go through. */
export function passedOnError(error: ProviderError, model: Model, attempts: readonly AttemptSummary[]): MoltbotError {
  const { code } = FAILURE_TABLE[error.kind];
  const { status } = error;
  const keepsStatus = code === 'invalid_request' && status !== undefined && status >= 400 && status < 500;
  return new MoltbotError(code, error.callerMessage ?? `${model.ref} refused the request`, {
    attempts,
    http: keepsStatus ? status : undefined,
    param: error.param,
    cause: error,
  });
}

function unfitError(unfitness: Unfitness, { attempts, faults }: FinalErrorOptions): MoltbotError {
  // Room is the better reason where several models could not take the call for different ones.
  const room = faults.find((fault) => fault.cause === 'unfit' && fault.unfitness.code === 'context_length_exceeded');
  const told = room?.cause === 'unfit' ? room.unfitness : unfitness;
  return new MoltbotError(told.code, told.message, { attempts, param: told.param });
}

function codeOf(fault: Exclude<Fault, { cause: 'unfit' }>, plan: ChainPlan): ErrorCode {
  if (fault.cause === 'called' && fault.error.providerCode === OWN_FAULT) return 'internal_error';
  if (wantsKey(fault)) return 'credential_missing';
  const { code } = FAILURE_TABLE[kindOfFault(fault)];
  // A retired model in a chain is the operator's matter; one that the caller named is the caller's.
  return code === 'model_not_found' && plan.name !== 'explicit' ? 'upstream_error' : code;
}

function sayFailure(fault: Exclude<Fault, { cause: 'unfit' }>, { attempts, faults }: FinalErrorOptions): string {
  const status = fault.cause === 'called' && fault.error.status !== undefined ? `, status ${fault.error.status}` : '';
  const skipped =
    fault.cause === 'known-bad' && kindOfFault(fault) !== 'loading'
      ? ', skipped after repeated failures until it is due for another try'
      : '';
  if (wantsKey(fault))
    return `${fault.model.provider.name} wants a key${status}, and there is no entry for it in auth.json`;
  const first = `${fault.model.ref} failed (${kindOfFault(fault)}${status}${sayConnection(fault)}${skipped})`;
  if (faults.length === 1 && attempts.length <= 1) return first;
  const models = faults.length === 1 ? '1 model' : `${faults.length} models`;
  const calls = attempts.length === 1 ? '1 attempt' : `${attempts.length} attempts`;
  return `${first}; ${calls} over ${models}, none answered`;
}

/** Called without a key, and refused for want of one. */
function wantsKey(fault: Exclude<Fault, { cause: 'unfit' }>): boolean {
  return fault.cause === 'called' && fault.unpaid === true && fault.error.kind === 'credential-rejected';
}

/** Why no connection came about: for the operator, who may be the caller. */
function sayConnection(fault: Exclude<Fault, { cause: 'unfit' }>): string {
  const connection = fault.cause === 'called' ? fault.error.connection : undefined;
  if (connection === undefined) return '';
  return `, ${connection.kind}${connection.at === 'proxy' ? ' at the proxy' : ''}`;
}

/** The earliest moment at which a model of the chain may be asked with hope. */
function retryAfterOf(code: ErrorCode, { faults, now }: FinalErrorOptions): number | undefined {
  if (code === 'model_not_found' || code === 'credential_rejected' || code === 'credential_missing') return undefined;
  let soonest: number | undefined;
  for (const fault of faults) {
    let wait: number | undefined;
    if (fault.cause === 'called') wait = fault.error.retryAfterMs;
    else if (fault.cause === 'known-bad') wait = Math.max(0, fault.untilMs - now);
    if (wait !== undefined && (soonest === undefined || wait < soonest)) soonest = wait;
  }
  return soonest;
}
