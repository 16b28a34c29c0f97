import { createHash } from 'node:crypto';
import type { Credential, CredentialVault } from '@moltbot/auth';
import type { Secret } from '@moltbot/contracts';
import type { SharedState } from '@moltbot/state';
import type { ProviderError } from '../failure.js';
import type { Model } from '../target.js';
import { FAILURE_TABLE } from './classify.js';
import type { RouterObserver } from './observer.js';
import { SharedMirror } from './shared-mirror.js';
import { HEALTHY, nextSickness, parseSickness, REMEMBERED_MS, type Sickness } from './sickness.js';
import { Sicknesses } from './sicknesses.js';

export interface CredentialHealthOptions {
  readonly state: SharedState;
  readonly vault: CredentialVault;
  /** Unix time in ms. */
  readonly clock: () => number;
  readonly holder: string;
  readonly observer: RouterObserver;
}

/** Who pays for a call: an entry of auth.json, or nobody. */
export type Payer = Credential | undefined;

/** The payers of a model that may be asked now, in order; where there is none, why, and until when. */
export type Payers =
  | { readonly state: 'ready'; readonly payers: readonly Payer[] }
  /** The one that is to be well again first. */
  | { readonly state: 'sick'; readonly payer: Payer; readonly sickness: Sickness }
  | { readonly state: 'missing' };

const NOBODY: readonly Payer[] = [undefined];

/**
 * Which credentials can be used: out after a rejection, out for hours with an empty account, cooling for one model after a
 * 429. Shared by all processes, read from memory. A credential whose secret was replaced is healthy again.
 */
export class CredentialHealth {
  readonly #options: CredentialHealthOptions;
  readonly #sick = new Sicknesses();
  readonly #mirror: SharedMirror<Sickness>;
  /** What has been asked of the shared state already: `id` and `id model`. */
  readonly #tracked = new WeakMap<Model, Set<string>>();

  constructor(options: CredentialHealthOptions) {
    this.#options = options;
    this.#mirror = new SharedMirror<Sickness>({
      state: options.state,
      prefix: 'credential:',
      holder: options.holder,
      parse: parseSickness,
      onRemote: (key, sickness) => {
        if (sickness.state === 'ok') this.#sick.delete(key);
        else this.#sick.set(key, sickness, options.clock());
      },
    });
  }

  close(): void {
    this.#mirror.close();
  }

  payersOf(model: Model): Payers {
    const { provider } = model;
    const credentials = this.#options.vault.credentialsFor(provider.name);
    if (credentials.length === 0 && provider.requiresCredential) return { state: 'missing' };
    const payers: readonly Payer[] = credentials.length === 0 ? NOBODY : credentials;
    this.#track(model, payers);
    if (this.#sick.size === 0) return { state: 'ready', payers };
    let soonest: Extract<Payers, { state: 'sick' }> | undefined;
    const healthy: Payer[] = [];
    for (const payer of payers) {
      const sickness = this.#sicknessOf(payer, model);
      if (sickness === undefined) healthy.push(payer);
      else if (soonest === undefined || sickness.untilMs < soonest.sickness.untilMs) {
        soonest = { state: 'sick', payer, sickness };
      }
    }
    return healthy.length > 0 || soonest === undefined ? { state: 'ready', payers: healthy } : soonest;
  }

  /**
   * Whether a rejected credential may be tried once more, where nothing else is left to ask: providers have rejected every key
   * by mistake before. Once in `spacingMs` over all processes.
   */
  async mayTry({ payer, sickness }: Extract<Payers, { state: 'sick' }>, spacingMs: number): Promise<boolean> {
    const { clock, state, holder } = this.#options;
    if (sickness.reason !== 'credential-rejected' || clock() < sickness.sinceMs + spacingMs) return false;
    try {
      return (await state.acquireLease(`credential-trial:${payer?.id ?? ''}`, holder, spacingMs)) !== undefined;
    } catch {
      return true;
    }
  }

  /** The call was paid: what was known against the payer is over, unless it became known after the call began. */
  succeeded(options: { readonly payer: Payer; readonly model: Model; readonly startedAt: number }): void {
    if (this.#sick.size === 0) return;
    for (const key of keysOf(options.payer, options.model)) {
      const sickness = this.#sick.get(key);
      if (sickness !== undefined && sickness.sinceMs < options.startedAt) this.#heal(key, options.payer);
    }
  }

  /** The call failed; only kinds that the failure table holds against the credential have an effect. */
  failed(options: {
    readonly payer: Payer;
    readonly model: Model;
    readonly startedAt: number;
    readonly error: ProviderError;
    readonly token: Secret | undefined;
  }): void {
    const { payer, model, startedAt, error, token } = options;
    const effect = FAILURE_TABLE[error.kind].credential;
    // Where nobody pays there is nobody to be out: only a limit holds.
    if (effect === 'none' || (payer === undefined && effect !== 'cooling')) return;
    const [whole, forModel] = keysOf(payer, model);
    // An empty account and a wrong key concern every model; a 403 and a limit may concern this one alone.
    const key = effect === 'cooling' || error.status === 403 ? forModel : whole;
    const before = this.#sick.get(key);
    // Calls that were under way when it fell ill have nothing to add.
    if (before !== undefined && startedAt <= before.sinceMs && effect !== 'cooling') return;
    const now = this.#options.clock();
    const sickness = nextSickness({
      before,
      effect,
      reason: error.kind,
      retryAfterMs: error.retryAfterMs,
      now,
      secret: token === undefined ? undefined : fingerprint(token),
    });
    this.#sick.set(key, sickness, now);
    this.#mirror.publish(key, sickness, sickness.untilMs - sickness.sinceMs + REMEMBERED_MS);
    // A trial that failed is no news.
    if (before?.state === 'out' && before.reason === error.kind && now < before.untilMs) return;
    this.#options.observer.credential?.({
      credential: payer?.id ?? 'none',
      state: effect === 'cooling' ? 'cooling' : 'out',
      reason: error.kind,
      untilMs: sickness.untilMs,
    });
  }

  /** Forgets all that is held against a credential, in every process. */
  reset(id: string): void {
    for (const key of this.#sick.keysOf(id)) {
      this.#sick.delete(key);
      this.#mirror.publish(key, HEALTHY, REMEMBERED_MS);
    }
    this.#options.observer.credential?.({ credential: id, state: 'ok', reason: 'reset' });
  }

  #heal(key: string, payer: Payer): void {
    this.#sick.delete(key);
    this.#mirror.publish(key, HEALTHY, REMEMBERED_MS);
    this.#options.observer.credential?.({ credential: payer?.id ?? 'none', state: 'ok' });
  }

  #sicknessOf(payer: Payer, model: Model): Sickness | undefined {
    const now = this.#options.clock();
    let worst: Sickness | undefined;
    for (const key of keysOf(payer, model)) {
      const sickness = this.#sick.get(key);
      if (sickness === undefined) continue;
      if (now >= sickness.untilMs) {
        // Strikes are remembered for a while, so that a sickness that comes back lasts longer.
        if (now >= sickness.untilMs + REMEMBERED_MS) this.#sick.delete(key);
      } else if (this.#secretChanged(payer, sickness)) this.#heal(key, payer);
      else if (worst === undefined || sickness.untilMs > worst.untilMs) worst = sickness;
    }
    return worst;
  }

  #secretChanged(payer: Payer, sickness: Sickness): boolean {
    if (payer === undefined || sickness.secret === undefined) return false;
    try {
      const token = this.#options.vault.tokenFor(payer.id);
      if (!(token instanceof Promise)) return fingerprint(token) !== sickness.secret;
      // Being fetched: the next request sees it.
      token.catch(() => undefined);
    } catch {
      // Not usable at all: no news.
    }
    return false;
  }

  #track(model: Model, payers: readonly Payer[]): void {
    let tracked = this.#tracked.get(model);
    if (tracked === undefined) {
      tracked = new Set();
      this.#tracked.set(model, tracked);
    }
    for (const payer of payers) {
      const id = payer?.id ?? '';
      if (tracked.has(id)) continue;
      tracked.add(id);
      for (const key of keysOf(payer, model)) void this.#mirror.track(key);
    }
  }
}

/** The payer as a whole, and the payer at one model. Credential names hold no space. */
function keysOf(payer: Payer, model: Model): readonly [whole: string, forModel: string] {
  const id = payer?.id ?? `none@${model.provider.name}`;
  return [id, `${id} ${model.ref}`];
}

/** Tells one secret from another without holding it. */
function fingerprint(secret: Secret): string {
  return createHash('sha256').update(secret.reveal()).digest('base64url').slice(0, 12);
}
