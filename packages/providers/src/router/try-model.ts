import { MoltbotError, type Secret } from '@moltbot/contracts';
import { ProviderError } from '../failure.js';
import type { Model } from '../target.js';
import type { AttemptLog } from './attempt-log.js';
import type { Scope, Ticket } from './breaker.js';
import type { ChainRun } from './chain-run.js';
import { FAILURE_TABLE, type FailureRow } from './classify.js';
import type { Payer } from './credential-health.js';
import { type Fault, OWN_FAULT } from './fault.js';
import { TIMED_OUT, within } from './pause.js';

/** What is asked of a model: an answer, a stream, an embedding. */
export interface Operation<Result> {
  readonly role: AttemptLog['role'];
  readonly scope: Scope;
  /** Why a model can't do it, where it can't. */
  unfitnessOf?(model: Model): Extract<Fault, { cause: 'unfit' }>['unfitness'] | undefined;
  /**
   * One call to one target. Ends the attempt's record where it succeeds; `try-model` does where it fails.
   * @throws ProviderError
   */
  send(call: TargetCall): Promise<Result>;
  /** Whether success is only known later: the operation reports to the breaker itself. */
  readonly reportsLater: boolean;
}

export interface TargetCall {
  readonly run: ChainRun;
  readonly model: Model;
  readonly payer: Payer;
  readonly token: Secret | undefined;
  readonly ticket: Ticket;
  readonly log: AttemptLog;
}

export type Tried<Result> =
  | { readonly state: 'answered'; readonly result: Result }
  | { readonly state: 'failed'; readonly fault: Fault };

export interface TryModelOptions<Result> {
  readonly run: ChainRun;
  readonly operation: Operation<Result>;
  readonly model: Model;
  /** In the order in which they are asked; not empty. */
  readonly payers: readonly Payer[];
  readonly ticket: Ticket;
}

/** What the repeats of one model have used up. */
interface Tally {
  repeatedOnce: boolean;
  readonly refreshed: Set<Payer>;
}

/**
 * Asks one model: its credentials in order, and the repeats that the failure table and the budgets allow. Does not move on
 * to another model.
 */
export async function tryModel<Result>(options: TryModelOptions<Result>): Promise<Tried<Result>> {
  const { run, operation, model, payers } = options;
  const { breaker, health } = run.parts;
  const tally: Tally = { repeatedOnce: false, refreshed: new Set() };
  let ticket: Ticket | undefined = options.ticket;
  let fault: Fault | undefined;
  for (let index = 0; index < payers.length && ticket !== undefined; ) {
    const payer = payers[index];
    const isLast = index + 1 >= payers.length;
    const waitedFrom = run.parts.elapsed();
    const fetched = tokenOf(run, payer, isLast);
    const token = fetched instanceof Promise ? await fetched : fetched;
    if (!run.alive) {
      // The wait for the token was the last: nothing is sent any more.
      breaker.failed(ticket, 'cancelled');
      break;
    }
    if (token instanceof MoltbotError) {
      breaker.failed(ticket, 'unfit');
      run.startAttempt(model, payer, operation).endUnsent(token.code, run.parts.elapsed() - waitedFrom);
      fault ??= { cause: 'unfit', model, unfitness: { code: token.code, message: token.message } };
      index += 1;
      ticket = breaker.admit(model, operation.scope);
      continue;
    }
    const called = await callOnce({ run, operation, model, payer, token, ticket });
    if (called.state === 'answered') return called;
    if (called.state === 'unreadable') return { state: 'failed', fault: unreadable(called.error, run, model) };
    const { error, startedAt } = called;
    fault = { cause: 'called', model, error, unpaid: payer === undefined };
    const row = FAILURE_TABLE[error.kind];
    // Before anything is held against the credential: a token that only wants to be refreshed is no rejected one.
    const refreshed = await triedRefresh({ run, row, payer, token, tally });
    if (!refreshed) health.failed({ payer, model, startedAt, error, token });
    // No wait is spent on a model whose breaker has opened meanwhile.
    if (!run.alive || error.kind === 'cancelled' || breaker.admit(model, operation.scope) === undefined) break;
    const again = refreshed ? 'same' : await repeats({ run, row, error, tally, isLast });
    if (again === 'no') break;
    if (again === 'other-credential') index += 1;
    ticket = breaker.admit(model, operation.scope);
  }
  const nobody = { code: 'credential_missing', message: `No credential for ${model.ref} can be used` } as const;
  return { state: 'failed', fault: fault ?? { cause: 'unfit', model, unfitness: nobody } };
}

type Called<Result> =
  | { readonly state: 'answered'; readonly result: Result }
  /** `startedAt` is Unix time in ms. */
  | { readonly state: 'failed'; readonly error: ProviderError; readonly startedAt: number }
  /** The request could not be said in the model's dialect. */
  | { readonly state: 'unreadable'; readonly error: MoltbotError };

/**
 * A request that can't be said in a model's dialect. It is the caller's fault, unless another model could read it and failed:
 * then this one can't take the call, and the other's failure is what the caller is told.
 * @throws MoltbotError
 */
export function unreadable(error: MoltbotError, run: ChainRun, model: Model): Fault {
  if (!run.hasFailed) throw error;
  return { cause: 'unfit', model, unfitness: { code: error.code, message: error.message } };
}

/** One call, noted with the attempts and with the breaker. */
async function callOnce<Result>(options: {
  readonly run: ChainRun;
  readonly operation: Operation<Result>;
  readonly model: Model;
  readonly payer: Payer;
  readonly token: Secret | undefined;
  readonly ticket: Ticket;
}): Promise<Called<Result>> {
  const { run, operation, model, payer, token, ticket } = options;
  const { breaker, health } = run.parts;
  const log = run.startAttempt(model, payer, operation);
  const { startedAt } = log;
  health.used(payer);
  try {
    const result = await operation.send({ run, model, payer, token, ticket, log });
    if (!operation.reportsLater || ticket.probe !== undefined) breaker.succeeded(ticket);
    health.succeeded({ payer, model, startedAt });
    return { state: 'answered', result };
  } catch (thrown) {
    if (thrown instanceof MoltbotError) {
      // The request itself is wrong: found while it was translated, before anything was sent.
      breaker.failed(ticket, 'unfit');
      log.withdraw();
      return { state: 'unreadable', error: thrown };
    }
    const error = withoutSecret(failureOf(thrown, run), token);
    log.status ??= error.status;
    log.connection = error.connection;
    log.end(error.kind);
    breaker.failed(ticket, error.kind);
    return { state: 'failed', error, startedAt };
  }
}

/** Whether the model is asked once more, after the wait that this needs has been made. */
async function repeats(options: {
  readonly run: ChainRun;
  readonly row: FailureRow;
  readonly error: ProviderError;
  readonly tally: Tally;
  readonly isLast: boolean;
}): Promise<'no' | 'same' | 'other-credential'> {
  const { run, row, error, tally, isLast } = options;
  if (row.otherCredential !== 'no' && !isLast) return 'other-credential';
  const wait = waitBefore(row, error, run, tally);
  if (wait === undefined || !run.budget.takeRepeat(wait)) return 'no';
  tally.repeatedOnce = true;
  run.parts.observer.retryBudget?.({ remaining: run.parts.retryBudget.remaining });
  await run.pause(wait);
  return run.alive ? 'same' : 'no';
}

/** How long to wait before the same target is asked again; `undefined` where it is not. */
function waitBefore(row: FailureRow, error: ProviderError, run: ChainRun, tally: Tally): number | undefined {
  switch (row.sameTarget) {
    case 'backoff':
      return run.budget.nextBackoff(error.retryAfterMs);
    case 'once':
      return tally.repeatedOnce ? undefined : run.budget.nextBackoff(error.retryAfterMs);
    case 'once-now':
      return tally.repeatedOnce ? undefined : 0;
    case 'if-retry-after-fits':
      return error.retryAfterMs;
    case 'no':
    case 'after-refresh':
  }
  return undefined;
}

/** Once for each credential of a request: whether there is another token now, after the provider rejected this one. */
async function triedRefresh(options: {
  readonly run: ChainRun;
  readonly row: FailureRow;
  readonly payer: Payer;
  readonly token: Secret | undefined;
  readonly tally: Tally;
}): Promise<boolean> {
  const { run, row, payer, token, tally } = options;
  if (row.sameTarget !== 'after-refresh' || payer === undefined || token === undefined) return false;
  if (tally.refreshed.has(payer)) return false;
  tally.refreshed.add(payer);
  try {
    const asked = run.parts.vault.refreshAfterRejection(payer.id, token);
    return (await within(asked, { ms: run.budget.remainingMs, signal: run.signal })) === true;
  } catch {
    return false;
  }
}

/** The token to send; nothing is awaited while the vault has it at hand. */
function tokenOf(
  run: ChainRun,
  payer: Payer,
  isLast: boolean,
): Secret | undefined | MoltbotError | Promise<Secret | MoltbotError> {
  if (payer === undefined) return undefined;
  try {
    const token = run.parts.vault.tokenFor(payer.id);
    return token instanceof Promise ? fetchedToken(run, payer, token, isLast) : token;
  } catch (error) {
    return tokenError(payer, error);
  }
}

/** Where another credential or model is left to ask, a token is waited for no longer than a connection. */
async function fetchedToken(
  run: ChainRun,
  payer: NonNullable<Payer>,
  token: Promise<Secret>,
  isLast: boolean,
): Promise<Secret | MoltbotError> {
  const { remainingMs } = run.budget;
  const alternatives = !isLast || run.position + 1 < run.models.length;
  const ms = alternatives ? Math.min(remainingMs, run.plan.timeouts.connect) : remainingMs;
  try {
    const fetched = await within(token, { ms, signal: run.signal });
    return fetched === TIMED_OUT
      ? new MoltbotError('credential_refresh_failed', `No token for ${payer.id} came in time`)
      : fetched;
  } catch (error) {
    return tokenError(payer, error);
  }
}

function tokenError(payer: NonNullable<Payer>, error: unknown): MoltbotError {
  return error instanceof MoltbotError ? error : new MoltbotError('credential_missing', `No token for ${payer.id}`);
}

/** Some servers repeat in their complaint what they were sent. */
function withoutSecret(error: ProviderError, token: Secret | undefined): ProviderError {
  const { callerMessage = '', param = '' } = error;
  if (token === undefined || !`${callerMessage} ${param}`.includes(token.reveal())) return error;
  const { kind, message, status, providerCode, retryAfterMs } = error;
  return new ProviderError(kind, message, { status, providerCode, retryAfterMs });
}

function failureOf(thrown: unknown, run: ChainRun): ProviderError {
  if (!run.alive) return new ProviderError('cancelled', 'The request ended before the answer', { cause: thrown });
  if (thrown instanceof ProviderError) return thrown;
  // A fault of our own: another model may be called without it, and the target is not to blame.
  return new ProviderError('unfit', 'The call could not be made', { cause: thrown, providerCode: OWN_FAULT });
}
