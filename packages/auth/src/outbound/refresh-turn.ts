import { MoltbotError } from '@moltbot/contracts';
import type { Clock } from './clock.js';
import type { CredentialRow, SeenRow } from './credential-row.js';
import { claimed, withFailure } from './record-steps.js';
import { pairFence, type RefreshClaim, sameClaim, type TokenRecord } from './token-record.js';
import { type RefreshTiming, takeoverAfter } from './token-life.js';

/** A refresh that could be sent: what can fail without a claim (references of secrets, files) has been done. */
export interface PreparedRefresh {
  /**
   * Does what the claim is for (see `runRefresh`), here or in a process of its own. Resolves when nothing of it runs any more,
   * whatever came of it: the record says so.
   * @param options.attempt from 1; a second one follows only where the first left the claim unsent
   */
  run(options: { readonly claim: RefreshClaim; readonly attempt: number }): Promise<void>;
}

export interface RefreshTurnsOptions {
  readonly id: string;
  readonly clientId: string;
  readonly row: CredentialRow;
  readonly prepare: () => Promise<PreparedRefresh>;
  readonly timing: () => RefreshTiming;
  /** A random name of this process. */
  readonly holder: string;
  readonly clock: Clock;
  readonly onTakenOver: (claim: RefreshClaim) => void;
}

export interface TurnGoal {
  /** Fence of the pair that is to be replaced; 0: there is none yet. */
  readonly replace: number;
  readonly forced: boolean;
  /** Also where the server had refused the refresh token. */
  readonly insist?: boolean | undefined;
}

/** A refresh that this process began, and that may still be running. */
interface OwnRefresh {
  readonly claim: RefreshClaim;
  readonly startedAt: number;
  readonly attempt: number;
  ended: boolean;
  done: Promise<void>;
}

const POLL_MS = 250;
const MOST_ATTEMPTS = 2;

/** One credential's refreshes in this process: claims and begins one, or waits for whoever holds the claim. */
export class RefreshTurns {
  readonly #options: RefreshTurnsOptions;
  #own: OwnRefresh | undefined;
  #closed = false;

  constructor(options: RefreshTurnsOptions) {
    this.#options = options;
  }

  /** When the refresh of this claim was begun by us, by the monotonic clock. */
  startOf(fence: number): number | undefined {
    return this.#own?.claim.fence === fence ? this.#own.startedAt : undefined;
  }

  /**
   * Waits until the pair is another one, or a refresh of it has failed: the record then says which.
   * @throws MoltbotError `token_store_unavailable`, `secret_key_unavailable`, `credential_missing` (a reference that can't be
   * resolved), `credential_refresh_failed` (no end in time), `shutting_down`
   */
  async take(goal: TurnGoal): Promise<void> {
    const { row, clock, timing } = this.#options;
    const { timeoutMs } = timing();
    const until = clock.monotonic() + timeoutMs + takeoverAfter(true, { timeoutMs });
    let known = row.seen;
    let prepared: PreparedRefresh | undefined;
    let watched: { version: number; since: number } | undefined;
    for (let first = true; ; first = false) {
      if (this.#closed) throw new MoltbotError('shutting_down');
      try {
        const seen = await row.look();
        const { record } = seen;
        known ??= seen;
        if (pairFence(record) !== goal.replace || !isRefreshable(record, goal)) return;
        if (record?.lastFailure !== undefined && record.lastFailure.fence !== known.record?.lastFailure?.fence) return;
        if (watched?.version !== seen.version) watched = { version: seen.version, since: clock.monotonic() };
        const standing = record?.claim;
        if (standing === undefined || this.#mayTakeOver(standing, watched.since)) {
          prepared ??= await this.#options.prepare();
          await this.#claim(seen, standing, goal, prepared);
          continue;
        }
        if (standing.holder === this.#options.holder && !this.#isRunning(standing)) {
          prepared ??= await this.#options.prepare();
          await this.#start(seen, standing, prepared);
          continue;
        }
      } catch (error) {
        // Nothing is going on that would be worth waiting for.
        if ((first && this.#own === undefined) || !isStoreError(error)) throw error;
        // What was not seen all the time was not seen unchanged.
        watched = undefined;
      }
      if (clock.monotonic() >= until) {
        throw new MoltbotError(
          'credential_refresh_failed',
          `The refresh of \`${this.#options.id}\` did not end in time.`,
        );
      }
      await row.change(POLL_MS);
    }
  }

  /** Waits for what this process has sent, at most as long as a request may take. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.row.wake();
    const { clock, timing } = this.#options;
    if (this.#own === undefined) return;
    let cancel = () => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = clock.after(timing().timeoutMs, resolve);
    });
    await Promise.race([this.#own.done, timeout]);
    cancel();
  }

  #isRunning(claim: RefreshClaim): boolean {
    return this.#own !== undefined && !this.#own.ended && sameClaim(claim, this.#own.claim);
  }

  #mayTakeOver(standing: RefreshClaim, since: number): boolean {
    const isOurs = standing.holder === this.#options.holder;
    // Ours, and sent: where nothing of it runs any more, its process was killed.
    if (isOurs && !this.#isRunning(standing)) return standing.sent;
    // Ours, and running: its process may stand still for good, as another's. Until then it is known to be about to send.
    const silentMs = takeoverAfter(isOurs || standing.sent, this.#options.timing());
    return this.#options.clock.monotonic() - since >= silentMs;
  }

  async #claim(
    seen: SeenRow,
    over: RefreshClaim | undefined,
    { forced }: TurnGoal,
    prepared: PreparedRefresh,
  ): Promise<void> {
    const { clientId, holder, row, clock, onTakenOver } = this.#options;
    const { record, version } = seen;
    const next = claimed({ record, version, clientId, holder, now: clock.now(), forced, over });
    if (next === undefined || this.#closed) return;
    if ((await row.swap(seen, next)) === undefined) return;
    if (over !== undefined) onTakenOver(over);
    this.#run(next.claim, prepared, 1);
  }

  /** Goes on with a claim of ours that was not sent: its writing was not confirmed, or its process did not start. */
  async #start(seen: SeenRow, claim: RefreshClaim, prepared: PreparedRefresh): Promise<void> {
    const before = sameClaim(this.#own?.claim, claim) ? (this.#own?.attempt ?? 0) : 0;
    if (before < MOST_ATTEMPTS) return this.#run(claim, prepared, before + 1);
    const failure = { failure: 'not-started', maybeApplied: false } as const;
    const next = withFailure({ record: seen.record, claim, failure, now: this.#options.clock.now() });
    if (next !== undefined) await this.#options.row.swap(seen, next);
  }

  #run(claim: RefreshClaim, prepared: PreparedRefresh, attempt: number): void {
    const { row, clock } = this.#options;
    const own: OwnRefresh = { claim, startedAt: clock.monotonic(), attempt, ended: false, done: Promise.resolve() };
    this.#own = own;
    own.done = (async () => {
      try {
        await prepared.run({ claim, attempt });
      } catch {
        // The record says what came of it.
      }
      // Seen before it counts as ended, so that its end is told by us.
      await row.look().catch(() => undefined);
      own.ended = true;
      row.wake();
    })();
  }
}

function isRefreshable(record: TokenRecord | undefined, { insist }: TurnGoal): boolean {
  switch (record?.state) {
    case 'signed-out':
      return false;
    case 'revoked':
      return insist === true;
    default:
      return true;
  }
}

function isStoreError(error: unknown): boolean {
  return error instanceof MoltbotError && error.code === 'token_store_unavailable';
}
