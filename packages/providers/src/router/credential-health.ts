import { createHash } from 'node:crypto';
import type { Credential, CredentialVault } from '@moltbot/auth';
import type { Secret } from '@moltbot/contracts';
import type { SharedState } from '@moltbot/state';
import type { FailureKind, ProviderError } from '../failure.js';
import type { Model } from '../target.js';
import { FAILURE_TABLE } from './classify.js';
import type { RouterObserver } from './observer.js';
import { SharedMirror } from './shared-mirror.js';
import {
  HEALTHY,
  nextSickness,
  parseSickness,
  REMEMBERED_MS,
  RESET,
  RESET_KEPT_MS,
  RESET_MARK,
  type Sickness,
} from './sickness.js';
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

/** What is held against a credential, for a person. */
export interface CredentialHealthEntry {
  /** Its name in auth.json; `none@provider` where the provider is called without. */
  readonly credential: string;
  /** `provider:model`; the whole credential where it is missing. */
  readonly model?: string;
  readonly state: 'out' | 'cooling';
  readonly reason: FailureKind;
  /** Unix time in ms. */
  readonly untilMs: number;
}

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
  /** When a credential was last used, in the order of use: of this process alone, for every process spreads its own calls. */
  readonly #usedAt = new Map<string, number>();
  #uses = 0;
  /** The version of the last reset of a credential. */
  readonly #resets = new Map<string, number>();
  /** This process's own trials of credentials that are out: until then no other. */
  readonly #trials = new Map<string, number>();

  constructor(options: CredentialHealthOptions) {
    this.#options = options;
    this.#mirror = new SharedMirror<Sickness>({
      state: options.state,
      prefix: 'credential:',
      holder: options.holder,
      parse: parseSickness,
      onRemote: (key, sickness, version) => this.#hear(key, sickness, version),
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
    if (this.#sick.size === 0) return { state: 'ready', payers: this.#inOrder(model, payers) };
    let soonest: Extract<Payers, { state: 'sick' }> | undefined;
    const healthy: Payer[] = [];
    for (const payer of payers) {
      const sickness = this.#sicknessOf(payer, model);
      if (sickness === undefined) healthy.push(payer);
      else if (soonest === undefined || sickness.untilMs < soonest.sickness.untilMs) {
        soonest = { state: 'sick', payer, sickness };
      }
    }
    return healthy.length > 0 || soonest === undefined
      ? { state: 'ready', payers: this.#inOrder(model, healthy) }
      : soonest;
  }

  /**
   * Whether anybody is there to pay for a call now, besides those of whom is known that they can't. Changes nothing, unlike
   * `payersOf`: for whoever watches.
   */
  isPayable(model: Model, unusable: ReadonlySet<string>): boolean {
    const credentials = this.#options.vault.credentialsFor(model.provider.name);
    if (credentials.length === 0) return !model.provider.requiresCredential;
    return credentials.some((payer) => !unusable.has(payer.id) && this.#sicknessOf(payer, model) === undefined);
  }

  /** The payer is asked now: others that rested longer come first from here on. */
  used(payer: Payer): void {
    if (payer !== undefined) this.#usedAt.set(payer.id, ++this.#uses);
  }

  /**
   * Whether a rejected credential may be tried once more, where nothing else is left to ask: providers have rejected every key
   * by mistake before. Once in `spacingMs` over all processes.
   */
  async mayTry({ payer, sickness }: Extract<Payers, { state: 'sick' }>, spacingMs: number): Promise<boolean> {
    const { clock, state, holder } = this.#options;
    const id = payer?.id ?? '';
    const now = clock();
    if (sickness.reason !== 'credential-rejected' || now < sickness.sinceMs + spacingMs) return false;
    if (now < (this.#trials.get(id) ?? 0)) return false;
    this.#trials.set(id, now + spacingMs);
    try {
      return (await state.acquireLease(`credential-trial:${id}`, holder, spacingMs)) !== undefined;
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
      // A token is renewed by the hour; whether the account behind it has money, or is limited, is another matter.
      secret:
        token === undefined || (payer?.type === 'oauth' && error.kind !== 'credential-rejected')
          ? undefined
          : fingerprint(token),
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

  /**
   * Forgets all that is held against a credential, in every process.
   * @returns how much was known here, and whether the other processes could be told; where not, they are told once they can be
   */
  async reset(id: string): Promise<{ readonly cleared: number; readonly shared: boolean }> {
    const keys = this.#sick.keysOf(id).filter((key) => this.#holds(key));
    this.#forget(id);
    this.#options.observer.credential?.({ credential: id, state: 'ok', reason: 'reset' });
    const version = await this.#mirror.publishNow(RESET_MARK + id, RESET, RESET_KEPT_MS);
    if (version !== undefined) this.#resets.set(id, version);
    return { cleared: keys.length, shared: version !== undefined };
  }

  /** All that is held against credentials now, as this process knows it. */
  list(): readonly CredentialHealthEntry[] {
    const found: CredentialHealthEntry[] = [];
    for (const [key, { state, reason, untilMs }] of this.#sick.entries()) {
      if ((state !== 'out' && state !== 'cooling') || !this.#holds(key)) continue;
      const credential = idOf(key);
      const model = key === credential ? {} : { model: key.slice(credential.length + 1) };
      found.push({ credential, ...model, state, reason, untilMs });
    }
    return found;
  }

  #holds(key: string): boolean {
    return (this.#sick.get(key)?.untilMs ?? 0) > this.#options.clock();
  }

  #forget(id: string): void {
    for (const key of this.#sick.keysOf(id)) this.#sick.delete(key);
    this.#trials.delete(id);
  }

  /** What another process says. */
  #hear(key: string, sickness: Sickness, version: number): void {
    if (sickness.state === 'reset') {
      const id = key.slice(RESET_MARK.length);
      if (version <= (this.#resets.get(id) ?? 0)) return;
      this.#resets.set(id, version);
      const wasSick = this.#sick.keysOf(id).length > 0;
      this.#forget(id);
      if (wasSick) this.#tellHealed(id);
    } else if (sickness.state === 'ok') {
      const wasSick = this.#sick.get(key) !== undefined;
      this.#sick.delete(key);
      if (wasSick) this.#tellHealed(idOf(key));
    } else if (version > (this.#resets.get(idOf(key)) ?? 0)) this.#sick.set(key, sickness, this.#options.clock());
  }

  /** Whoever was told that it is out has to learn that it is not any more, whichever process found that. */
  #tellHealed(id: string): void {
    const credential = id.startsWith('none@') ? 'none' : id;
    this.#options.observer.credential?.({ credential, state: 'ok', reason: 'elsewhere' });
  }

  #inOrder(model: Model, payers: readonly Payer[]): readonly Payer[] {
    if (payers.length < 2 || model.provider.settings.credential_order === 'ordered') return payers;
    const restedSince = (payer: Payer): number => (payer === undefined ? 0 : (this.#usedAt.get(payer.id) ?? 0));
    const sorted = payers.toSorted((left, right) => restedSince(left) - restedSince(right));
    // At once, not with the call: many requests may choose before the first of them has called.
    this.used(sorted[0]);
    return sorted;
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

  /** The last reset first: it says what of the rest holds. */
  async #learn(id: string, keys: readonly string[]): Promise<void> {
    await this.#mirror.track(RESET_MARK + id);
    for (const key of keys) void this.#mirror.track(key);
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
      void this.#learn(id, keysOf(payer, model));
    }
  }
}

/** The credential that a key speaks of. */
function idOf(key: string): string {
  const end = key.indexOf(' ');
  return end === -1 ? key : key.slice(0, end);
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
