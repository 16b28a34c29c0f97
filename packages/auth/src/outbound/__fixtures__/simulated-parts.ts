import { MoltbotError, Secret } from '@moltbot/contracts';
import type { Sealer } from '../../seal/sealer.js';
import type { OAuthClient, TokenSet } from '../oauth-client.js';
import { OAuthError } from '../oauth-error.js';
import type { TokenRow, TokenStore } from '../token-store.js';
import { never, type SimulatedProcess, type Simulation } from './simulation.js';

/** Says what a text belongs to, and hides nothing: what the vault may rely on, without the arithmetic. */
export const PLAIN_SEALER: Sealer = {
  keyId: '000000000000',
  seal: (plaintext, context) => `${context}|${plaintext}`,
  open(sealed, context) {
    if (!sealed.startsWith(`${context}|`)) throw new MoltbotError('secret_key_unavailable');
    return sealed.slice(context.length + 1);
  },
};

/** Rows that many processes see, each through a line of its own that is slow and may break. */
export class SimulatedStore {
  readonly writes: TokenRow[] = [];
  /** Until then nothing is answered. */
  downUntil = 0;
  errorRate = 0;
  readonly #simulation: Simulation;
  readonly #rows = new Map<string, TokenRow>();
  readonly #listeners = new Map<(id: string) => void, SimulatedProcess>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  row(id: string): TokenRow | undefined {
    return this.#rows.get(id);
  }

  put(id: string, value: string): void {
    this.#swap(id, this.#rows.get(id)?.version ?? 0, value);
  }

  #swap(id: string, version: number, value: string): TokenRow | undefined {
    if ((this.#rows.get(id)?.version ?? 0) !== version) return undefined;
    const row = { version: version + 1, value };
    this.#rows.set(id, row);
    this.writes.push(row);
    for (const [listener, process] of this.#listeners) {
      // Some pushes are lost.
      if (this.#simulation.random() < 0.2) continue;
      this.#simulation.schedule(this.#simulation.latency(1, 900), () => process.alive && listener(id));
    }
    return row;
  }

  for(process: SimulatedProcess): TokenStore {
    const simulation = this.#simulation;
    const ask = <Answer>(act: () => Answer): Promise<Answer> => {
      const failsBefore = simulation.random() < this.errorRate;
      const failsAfter = simulation.random() < this.errorRate;
      return process
        .ask(simulation.latency(0, 50), () => (failsBefore || this.#isDown() ? FAILED : act()), simulation.latency(0, 50))
        .then((answer) => {
          if (answer === FAILED || failsAfter || this.#isDown()) throw new MoltbotError('token_store_unavailable');
          return answer as Answer;
        });
    };
    return {
      read: (id) => ask(() => this.#rows.get(id)),
      list: () => ask(() => new Map(this.#rows)),
      compareAndSwap: (id, version, value) => ask(() => this.#swap(id, version, value)),
      watch: (listener) => {
        this.#listeners.set(listener, process);
        return () => this.#listeners.delete(listener);
      },
      close: () => Promise.resolve(),
    };
  }

  #isDown(): boolean {
    return this.#simulation.now < this.downUntil;
  }
}

const FAILED = Symbol('failed');

export interface ServerFaults {
  /** Share of requests that never arrive, told as such. */
  readonly unreachable?: number;
  /** Share of answers that are lost on the way: the client waits until its time is up. */
  readonly lostAnswer?: number;
  readonly unavailable?: number;
}

interface Grant {
  readonly id: number;
  live: boolean;
}

interface Issued {
  readonly grant: Grant;
  /** Over all tokens of the server. */
  readonly sequence: number;
  used: boolean;
  readonly expires: number;
}

/** An authorization server with rotation: the second use of a refresh token ends its whole family, or is allowed for a while. */
export class SimulatedServer {
  refreshes = 0;
  reuses = 0;
  faults: ServerFaults = {};
  /** What every access token is checked for; `true`: dead though it has not expired. */
  rejectAll = false;
  readonly lifeMs: number;
  readonly #strict: boolean;
  readonly #simulation: Simulation;
  readonly #issued = new Map<string, Issued>();
  #sequence = 0;
  #grants = 0;

  constructor(simulation: Simulation, options: { lifeMs: number; strict: boolean }) {
    this.#simulation = simulation;
    this.lifeMs = options.lifeMs;
    this.#strict = options.strict;
  }

  /** A person signs in: a grant of its own. */
  signIn(clock: SimulatedProcess['clock']): TokenSet {
    this.#grants += 1;
    return this.#issue({ id: this.#grants, live: true }, clock);
  }

  isLive(accessToken: string): boolean {
    const issued = this.#issued.get(accessToken.replace('access', 'refresh'));
    return issued !== undefined && issued.grant.live && this.#simulation.now < issued.expires && !this.rejectAll;
  }

  sequenceOf(token: string): number {
    return this.#issued.get(token.replace('access', 'refresh'))?.sequence ?? -1;
  }

  grantOf(token: string): number {
    return this.#issued.get(token.replace('access', 'refresh'))?.grant.id ?? -1;
  }

  isUsable(refreshToken: string): boolean {
    const issued = this.#issued.get(refreshToken);
    return issued !== undefined && issued.grant.live && (!issued.used || !this.#strict);
  }

  revokeAll(): void {
    for (const { grant } of this.#issued.values()) grant.live = false;
  }

  clientFor(process: SimulatedProcess): OAuthClient {
    const refresh: OAuthClient['refresh'] = async ({ refreshToken, signal }) => {
      const simulation = this.#simulation;
      const { unreachable = 0, lostAnswer = 0, unavailable = 0 } = this.faults;
      const draw = simulation.random();
      if (draw < unreachable) {
        await process.ask(simulation.latency(1, 200), () => undefined, 0);
        throw new OAuthError('unreachable', { failure: 'unreachable', maybeApplied: false });
      }
      if (draw < unreachable + unavailable) {
        await process.ask(simulation.latency(1, 200), () => undefined, 0);
        throw new OAuthError('unavailable', { failure: 'unavailable', status: 503, maybeApplied: true });
      }
      const isLost = draw < unreachable + unavailable + lostAnswer;
      const answer = process.ask(
        simulation.latency(1, 800),
        () => this.#refresh(refreshToken.reveal(), process.clock),
        simulation.latency(1, 800),
      );
      answer.catch(() => undefined);
      return Promise.race([isLost ? never<TokenSet>() : answer, aborted(signal)]);
    };
    const refuse = () => Promise.reject(new OAuthError('unused', { failure: 'misconfigured', maybeApplied: false }));
    return {
      refresh,
      clientCredentials: () => process.ask(5, () => this.signIn(process.clock), 5),
      beginAuthorization: refuse,
      finishAuthorization: refuse,
      beginDevice: refuse,
      finishDevice: refuse,
      revoke: refuse,
      introspect: refuse,
    };
  }

  #refresh(refreshToken: string, clock: SimulatedProcess['clock']): TokenSet {
    const issued = this.#issued.get(refreshToken);
    if (issued?.used === true && this.#strict) {
      this.reuses += 1;
      issued.grant.live = false;
    }
    if (issued === undefined || !issued.grant.live) {
      throw new OAuthError('refused', { failure: 'refused', code: 'invalid_grant', status: 400, maybeApplied: false });
    }
    issued.used = true;
    this.refreshes += 1;
    return this.#issue(issued.grant, clock);
  }

  #issue(grant: Grant, clock: SimulatedProcess['clock']): TokenSet {
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.#issued.set(`refresh-${sequence}`, { grant, sequence, used: false, expires: this.#simulation.now + this.lifeMs });
    return {
      accessToken: new Secret(`access-${sequence}`),
      refreshToken: new Secret(`refresh-${sequence}`),
      issuedAt: clock.now(),
      expiresAt: clock.now() + this.lifeMs,
      scopes: ['model:read'],
      account: undefined,
    };
  }
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () =>
      reject(new OAuthError('timeout', { failure: 'timeout', maybeApplied: true })),
    );
  });
}
