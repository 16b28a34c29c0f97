import { MoltbotError } from '@moltbot/contracts';
import type { Model } from '../target.js';
import type { ChainRun } from './chain-run.js';
import { FAILURE_TABLE } from './classify.js';
import type { Payers } from './credential-health.js';
import { type Fault, passedOnError } from './fault.js';
import { type Operation, type Tried, tryModel, unreadable } from './try-model.js';

export interface RunChainOptions<Result> {
  readonly run: ChainRun;
  readonly operation: Operation<Result>;
}

/**
 * Takes a request through its chain until a model answers.
 * @throws MoltbotError the primary's error after all failed; `client_closed`, `deadline_exceeded`; a caller's own fault at once
 */
export async function runChain<Result>({ run, operation }: RunChainOptions<Result>): Promise<Result> {
  let models: readonly Model[];
  do {
    models = run.models;
    const tried = await tryAll({ run, operation });
    if (tried !== undefined) return tried.result;
    // Another list now: the policy chain's.
  } while (run.models !== models);
  throw run.failedError();
}

/** Asks the models of the run in order, until one answers or another list takes the place of theirs. */
async function tryAll<Result>({
  run,
  operation,
}: RunChainOptions<Result>): Promise<{ readonly result: Result } | undefined> {
  const { models } = run;
  /** Not called because they are known to be bad: asked at the end, where nothing else is left. */
  let postponed: number[] | undefined;
  for (let turn = 0; turn < models.length + (postponed?.length ?? 0); turn += 1) {
    const lastHope = turn >= models.length;
    const position = lastHope ? postponed?.[turn - models.length] : turn;
    const model = position === undefined ? undefined : models[position];
    if (position === undefined || model === undefined) break;
    run.position = position;
    const tried = await tryAdmitted({ run, operation, model, lastHope });
    if (tried.state === 'answered') return tried;
    if (tried.fault.cause === 'known-bad' && !lastHope) (postponed ??= []).push(position);
    take(run, tried.fault);
    if (run.models !== models) break;
  }
  return undefined;
}

/** Asks a model that is fit for the call, and whose breaker lets the call through. */
export async function tryAdmitted<Result>(options: {
  readonly run: ChainRun;
  readonly operation: Operation<Result>;
  readonly model: Model;
  readonly lastHope: boolean;
}): Promise<Tried<Result>> {
  const { run, operation, model, lastHope } = options;
  if (!run.alive) throw run.endedError();
  const unfit = unfitFault(run, operation, model);
  if (unfit !== undefined) return { state: 'failed', fault: unfit };
  const unloaded = run.parts.loader?.isReady(model.ref) === false ? await loadFault(options) : undefined;
  if (unloaded !== undefined) return { state: 'failed', fault: unloaded };
  const found = await payersOf(run, model, lastHope);
  if (found.state !== 'ready') return { state: 'failed', fault: payerFault(model, found) };
  const { breaker } = run.parts;
  const { scope } = operation;
  const ticket = breaker.admit(model, scope) ?? (await breaker.admitDead(model, lastHope, scope));
  if (ticket !== undefined) return await tryModel({ run, operation, model, payers: found.payers, ticket });
  const dead = breaker.deadness(model, scope);
  return {
    state: 'failed',
    fault: {
      cause: 'known-bad',
      model,
      kind: dead?.reason ?? 'server-error',
      untilMs: dead?.untilMs ?? run.parts.clock(),
    },
  };
}

/**
 * Waits for a model that is not loaded: as long as a first content may take where another model is left to ask, else to the
 * deadline. Loading goes on without us.
 */
async function loadFault<Result>(options: {
  readonly run: ChainRun;
  readonly operation: Operation<Result>;
  readonly model: Model;
  readonly lastHope: boolean;
}): Promise<Fault | undefined> {
  const { run, operation, model, lastHope } = options;
  const { loader, elapsed, clock } = run.parts;
  const { remainingMs } = run.budget;
  const others = !lastHope && run.position + 1 < run.models.length;
  const withinMs = others ? Math.min(remainingMs, run.plan.timeouts.first_content) : remainingMs;
  const from = elapsed();
  const loaded = await loader?.load(model.ref, { withinMs, signal: run.signal }).catch(() => undefined);
  if (!run.alive) throw run.endedError();
  if (loaded === undefined || loaded.outcome === 'ready') return undefined;
  const code = loaded.outcome === 'failed' ? loaded.error.code : 'model_loading';
  run.startAttempt(model, undefined, operation).endUnsent(code, elapsed() - from);
  return loaded.outcome === 'failed'
    ? { cause: 'unfit', model, unfitness: { code, message: loaded.error.message } }
    : { cause: 'known-bad', model, kind: 'loading', untilMs: clock() + loaded.inMs };
}

/** @throws MoltbotError where the request had to be read and is wrong */
function unfitFault<Result>(run: ChainRun, operation: Operation<Result>, model: Model): Fault | undefined {
  try {
    const unfitness = run.needs?.unfitnessOf(model) ?? operation.unfitnessOf?.(model);
    return unfitness && { cause: 'unfit', model, unfitness };
  } catch (error) {
    if (error instanceof MoltbotError) return unreadable(error, run, model);
    throw error;
  }
}

/** Notes a fault. @throws MoltbotError where it ends the request */
function take(run: ChainRun, fault: Fault): void {
  run.note(fault);
  if (!run.alive) throw run.endedError();
  if (fault.cause !== 'called') return;
  const { error, model } = fault;
  switch (FAILURE_TABLE[error.kind].next) {
    case 'yes':
      return;
    case 'with-room':
      run.needs?.refusedLength(model);
      return;
    case 'policy-chain': {
      const policy = run.policyTaken ? undefined : run.plan.policyPlan?.();
      if (policy === undefined) throw passedOnError(error, model, run.attempts.slice());
      run.policyTaken = true;
      run.models = policy.models.filter((candidate) => candidate.ref !== model.ref);
      return;
    }
    case 'no':
      // A call that we did not cancel, and that yet ended as cancelled, was ended by the HTTP client's closing.
      if (error.kind === 'cancelled')
        throw new MoltbotError('shutting_down', undefined, { attempts: run.attempts.slice() });
      throw passedOnError(error, model, run.attempts.slice());
  }
}

/** Who can pay; as a last hope one that is out or cooling: after a wait, or as a trial. */
async function payersOf(run: ChainRun, model: Model, lastHope: boolean): Promise<Payers> {
  const { health, clock, random, breakerSettings } = run.parts;
  const found = health.payersOf(model);
  if (found.state !== 'sick' || !lastHope) return found;
  const { payer, sickness } = found;
  if (await health.mayTry(found, breakerSettings().open_for)) return { state: 'ready', payers: [payer] };
  // A few milliseconds apart, so that those who wait for the same moment do not come as one.
  const wait = Math.max(0, sickness.untilMs - clock()) + Math.ceil(random() * 50);
  if (!run.budget.takeWait(wait)) return found;
  await run.pause(wait);
  if (!run.alive) throw run.endedError();
  return health.payersOf(model);
}

function payerFault(model: Model, found: Exclude<Payers, { state: 'ready' }>): Fault {
  if (found.state === 'sick') {
    const { reason, untilMs } = found.sickness;
    return { cause: 'known-bad', model, kind: reason, untilMs };
  }
  const message = `There is no credential for ${model.provider.name}, which ${model.ref} needs`;
  return { cause: 'unfit', model, unfitness: { code: 'credential_missing', message } };
}
