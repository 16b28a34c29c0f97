import type { OAuthEntry } from '@moltbot/config';
import { MoltbotError, type Secret } from '@moltbot/contracts';
import type { Clock } from './clock.js';
import { CredentialRow, type SeenRow, type TokenBackend } from './credential-row.js';
import { type HeldToken, holdToken } from './held-token.js';
import { refreshFailed, refusalOf, toTokenError } from './oauth-refusals.js';
import { type PreparedRefresh, RefreshTurns, type TurnGoal } from './refresh-turn.js';
import { lifeOf, type RefreshTiming, waitAfter } from './token-life.js';
import { pairFence, type StoredPair, type TokenRecord } from './token-record.js';
import type { VaultEvent } from './vault-event.js';

/** An entry of auth.json of type `oauth`. */
export interface OAuthCredentialEntry {
  readonly id: string;
  readonly provider: string;
  readonly entry: OAuthEntry;
}

export interface OAuthCredentialOptions {
  readonly credential: OAuthCredentialEntry;
  readonly backend: () => Promise<TokenBackend>;
  readonly prepare: (credential: OAuthCredentialEntry) => Promise<PreparedRefresh>;
  readonly timing: () => RefreshTiming;
  /** Whether it refreshes ahead of expiry without being used. */
  readonly keepAlive: boolean;
  readonly holder: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Whether auth.json still has it: asked before something is done unasked. */
  readonly isCurrent: () => boolean;
  readonly onEvent: (event: VaultEvent) => void;
  readonly onStoreError: (error: unknown) => void;
  readonly onStoreAnswer: () => void;
}

const GLANCE_MS = 1_000;
/** Told otherwise, or no fault. */
const QUIET: ReadonlySet<MoltbotError['code']> = new Set(['token_store_unavailable', 'shutting_down']);
/**
 * A token that came of a rejection and is rejected again within this time, or half of its life, is not replaced once more: it
 * is not the token.
 */
const FORCED_AGAIN_MS = 60_000;

/** One OAuth credential in this process: holds its token, follows its row, and has it refreshed ahead of expiry. */
export class OAuthCredential {
  readonly #options: OAuthCredentialOptions;
  readonly #row: CredentialRow;
  readonly #turns: RefreshTurns;
  #credential: OAuthCredentialEntry;
  #held: HeldToken | undefined;
  /** Why the pair that was seen last can't be opened. */
  #sealed: MoltbotError | undefined;
  /** Why the last turn of this process did not come to its end, and until when none is tried again. */
  #problem: { error: MoltbotError; count: number; until: number } | undefined;
  #pending: { goal: TurnGoal; done: Promise<void> } | undefined;
  #toldFailure = 0;
  #retryAt = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #used = false;
  #glanceAt = 0;
  #cancelTimer = () => {};
  #closed = false;

  constructor(options: OAuthCredentialOptions) {
    this.#options = options;
    this.#credential = options.credential;
    const { id, entry } = options.credential;
    const { backend, clock, holder, timing } = options;
    this.#row = new CredentialRow({
      id,
      clientId: entry.client_id,
      backend,
      clock,
      onSeen: (seen, before) => this.#follow(seen, before),
      onStoreError: options.onStoreError,
      onStoreAnswer: () => {
        if (this.#problem?.error.code === 'token_store_unavailable') this.#problem = undefined;
        options.onStoreAnswer();
      },
    });
    this.#turns = new RefreshTurns({
      id,
      clientId: entry.client_id,
      row: this.#row,
      prepare: () => options.prepare(this.#credential),
      timing,
      holder,
      clock,
      onTakenOver: ({ sent, at }) => options.onEvent({ type: 'credential-taken-over', id, sent, claimedAt: at }),
    });
  }

  get credential(): OAuthCredentialEntry {
    return this.#credential;
  }

  /** @throws (or rejects) as `CredentialVault.tokenFor` */
  token(): Secret | Promise<Secret> {
    const { clock } = this.#options;
    const held = this.#held;
    this.#used = true;
    if (held !== undefined) {
      const now = clock.monotonic();
      if (now < held.expires && clock.now() < held.expiresAt) {
        if (now >= this.#wakeAt) this.#wake();
        return held.token;
      }
    }
    if (this.#row.seen === undefined) return this.#fetchToken();
    const refusal = this.#refusal();
    if (refusal === undefined) return this.#fetchToken();
    this.#glance();
    throw refusal;
  }

  /** @see CredentialVault.refreshAfterRejection */
  async refreshAfterRejection(rejected: Secret): Promise<boolean> {
    const isNewer = () => this.#isLive() && this.#held?.token.reveal() !== rejected.reveal();
    try {
      if (isNewer()) return true;
      await this.#row.look();
      if (isNewer()) return true;
      const held = this.#held;
      if (held === undefined) return false;
      if (held.token.reveal() === rejected.reveal()) {
        const { clock } = this.#options;
        const isFresh = clock.monotonic() - held.issued < Math.min(FORCED_AGAIN_MS, lifeOf(held.pair) / 2);
        if (held.pair.forced && isFresh) return false;
        if (!this.#isRefreshable() || (this.#pending === undefined && clock.monotonic() < this.#mayTryAt)) return false;
        await this.#refresh({ replace: held.pair.fence, forced: true });
      } else {
        await this.#fetchToken();
      }
      return isNewer();
    } catch {
      // What stands in the way is told by the next call for the token.
      return false;
    }
  }

  /** Asks the server now, whatever was known. @throws MoltbotError where it could not be asked */
  async refreshNow(): Promise<'refreshed' | 'failed' | 'not-possible'> {
    const { record } = await this.#row.look();
    if (!this.#isRefreshable(true)) return 'not-possible';
    const replace = pairFence(record);
    await this.#refresh({ replace, forced: false, insist: true });
    return pairFence(this.#row.seen?.record) === replace ? 'failed' : 'refreshed';
  }

  /** Somebody says that the row was changed. */
  changed(): void {
    if (!this.#closed) void this.#row.changed();
  }

  /** Reads the row now. @throws MoltbotError `token_store_unavailable` */
  async look(): Promise<void> {
    await this.#row.look();
  }

  /** The same client with other particulars: what failed before may go well now. */
  update(credential: OAuthCredentialEntry): void {
    this.#credential = credential;
    this.#retryAt = 0;
    this.#problem = undefined;
    this.#arm();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#turns.close();
  }

  #isLive(): boolean {
    const { clock } = this.#options;
    return this.#held !== undefined && clock.monotonic() < this.#held.expires && clock.now() < this.#held.expiresAt;
  }

  get #mayTryAt(): number {
    return Math.max(this.#retryAt, this.#problem?.until ?? 0);
  }

  get #signsInItself(): boolean {
    return this.#credential.entry.grant === 'client_credentials';
  }

  #isRefreshable(insist = false): boolean {
    const record = this.#row.seen?.record;
    switch (record?.state) {
      case 'signed-out':
        return false;
      case 'revoked':
        return insist && record.pair.hasRefreshToken;
      case 'signed-in':
        return this.#signsInItself || record.pair.hasRefreshToken;
      default:
        return this.#signsInItself;
    }
  }

  /** Why there is no token and none can be had now; `undefined`: it can be tried. */
  #refusal(): MoltbotError | undefined {
    const { id } = this.#credential;
    const record = this.#row.seen?.record;
    if (this.#sealed !== undefined && record?.state === 'signed-in') return this.#sealed;
    const refusal = this.#isRefreshable() ? undefined : refusalOf({ id, record });
    if (refusal !== undefined || this.#pending !== undefined) return refusal;
    const waitMs = this.#mayTryAt - this.#options.clock.monotonic();
    if (waitMs <= 0) return undefined;
    return this.#problem?.error ?? refreshFailed({ id, failure: record?.lastFailure, retryAfterMs: waitMs });
  }

  async #fetchToken(): Promise<Secret> {
    if (this.#row.seen === undefined) await this.#row.look();
    for (let tries = 0; ; tries += 1) {
      const held = this.#held;
      if (held !== undefined && this.#isLive()) return held.token;
      const refusal = this.#refusal();
      if (refusal !== undefined) throw refusal;
      if (tries > 1) break;
      await this.#refresh({ replace: pairFence(this.#row.seen?.record), forced: false });
    }
    const { id } = this.#credential;
    throw refreshFailed({ id, failure: this.#row.seen?.record?.lastFailure, retryAfterMs: undefined });
  }

  /** Joins the refresh that runs in this process. */
  async #refresh(goal: TurnGoal): Promise<void> {
    while (this.#pending !== undefined) {
      const { done } = this.#pending;
      if (this.#pending.goal.replace === goal.replace) return done;
      await done.catch(() => undefined);
    }
    if (this.#closed) throw new MoltbotError('shutting_down');
    const done = this.#take(goal).finally(() => {
      this.#pending = undefined;
      this.#arm();
    });
    this.#pending = { goal, done };
    return done;
  }

  async #take(goal: TurnGoal): Promise<void> {
    try {
      await this.#turns.take(goal);
      this.#problem = undefined;
    } catch (cause) {
      const { id } = this.#credential;
      const error = toTokenError(id, cause);
      const { clock, random, onEvent } = this.#options;
      const count = (this.#problem?.count ?? 0) + 1;
      const until = clock.monotonic() + waitAfter({ failure: 'unreachable', count }, random());
      this.#problem = { error, count, until };
      if (!QUIET.has(error.code)) onEvent({ type: 'credential-unresolved', id, error });
      throw error;
    }
  }

  /** Takes what the row says now. */
  #follow(seen: SeenRow, before: SeenRow | undefined): void {
    const { record, sealer } = seen;
    const { clock, random } = this.#options;
    const failure = record?.lastFailure;
    let retryAfterMs = 0;
    if (failure !== undefined && failure.fence !== before?.record?.lastFailure?.fence) {
      // A failure from before this process is no reason to wait.
      retryAfterMs = before === undefined ? 0 : waitAfter(failure, random());
      this.#retryAt = clock.monotonic() + retryAfterMs;
    }
    if (record?.state !== 'signed-in') {
      this.#held = undefined;
      this.#sealed = undefined;
    } else if (record.pair.fence !== this.#held?.pair.fence) {
      this.#hold(record.pair, before, sealer);
    }
    this.#tell(record, retryAfterMs);
    this.#arm();
  }

  #hold(pair: StoredPair, before: SeenRow | undefined, sealer: SeenRow['sealer']): void {
    const { clock, random, timing } = this.#options;
    const credentialId = this.#credential.id;
    this.#held = undefined;
    this.#sealed = undefined;
    try {
      const { marginMs } = timing();
      this.#held = holdToken({ pair, before, sealer, credentialId, clock, marginMs, random: random() });
      this.#retryAt = 0;
    } catch (error) {
      this.#sealed = error instanceof MoltbotError ? error : new MoltbotError('secret_key_unavailable');
    }
  }

  /** Tells what came of a refresh that this process began. */
  #tell(record: TokenRecord | undefined, retryAfterMs: number): void {
    const { clock, onEvent } = this.#options;
    const { id } = this.#credential;
    const pair = record !== undefined && 'pair' in record ? record.pair : undefined;
    const failure = record?.lastFailure;
    if (
      failure !== undefined &&
      failure.fence > this.#toldFailure &&
      this.#turns.startOf(failure.fence) !== undefined
    ) {
      this.#toldFailure = failure.fence;
      if (record?.state === 'revoked') onEvent({ type: 'credential-revoked', id, why: record.why });
      const { code, status } = failure;
      onEvent({ type: 'credential-refresh-failed', id, failure: failure.failure, code, status, retryAfterMs });
    }
    const startedAt = pair === undefined ? undefined : this.#turns.startOf(pair.fence);
    if (pair === undefined || startedAt === undefined || pair.fence <= this.#toldFailure) return;
    this.#toldFailure = pair.fence;
    const durationMs = clock.monotonic() - startedAt;
    onEvent({ type: 'credential-refreshed', id, expiresAt: pair.expiresAt, durationMs, forced: pair.forced });
  }

  /** Reads the row where its change may have been missed. */
  #glance(): void {
    const now = this.#options.clock.monotonic();
    if (now < this.#glanceAt) return;
    this.#glanceAt = now + GLANCE_MS;
    this.changed();
  }

  /** Sets the timer for what has to be done next unasked. */
  #arm(): void {
    const { clock, keepAlive } = this.#options;
    this.#cancelTimer();
    this.#wakeAt = Number.POSITIVE_INFINITY;
    if (this.#closed || this.#pending !== undefined || !this.#isRefreshable()) return;
    this.#wakeAt = Math.max(this.#held?.due ?? Number.POSITIVE_INFINITY, this.#mayTryAt);
    // A client that signs in by itself is not kept signed in for nobody.
    if (!keepAlive || this.#wakeAt === Number.POSITIVE_INFINITY || (this.#signsInItself && !this.#used)) return;
    this.#cancelTimer = clock.idle(this.#wakeAt - clock.monotonic(), () => this.#wake());
  }

  #wake(): void {
    const { clock, isCurrent } = this.#options;
    const held = this.#held;
    if (this.#closed || held === undefined || this.#pending !== undefined || !isCurrent()) return;
    // A timer may come early, or the longest possible one was not long enough.
    if (clock.monotonic() < this.#wakeAt) return this.#arm();
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#used = false;
    void this.#refresh({ replace: held.pair.fence, forced: false }).catch(() => undefined);
  }
}
