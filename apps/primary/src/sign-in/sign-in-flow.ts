import type { StoredCredential } from '@moltbot/config';
import type { Caller } from '../access/caller.js';
import { acceptTokens, oauthAccount, type SignInCredentials, type SignInStatus } from './sign-in-credentials.js';
import { DeviceSignIns, type UseClient } from './device-sign-ins.js';
import { isSameState, PENDING_COOKIE, PENDING_S, toPendingAuthorization, UsedStates } from './pending-sign-in.js';
import { redirectUriFor } from './redirect-uri.js';
import { SignInProblem } from './sign-in-problem.js';

/** What a form that begins a sign-in leads to. */
export type Begun =
  | { readonly next: 'provider'; readonly url: string; readonly cookie: string }
  | { readonly next: 'device'; readonly reference: string }
  | { readonly next: 'done' };

/** How a sign-in came to its end, for logs and the audit log. */
export type SignInEvent =
  | { readonly type: 'signed-in' | 'signed-out'; readonly id: string; readonly caller: Caller }
  | { readonly type: 'revocation-failed'; readonly id: string; readonly error: unknown };

export interface SignInFlowOptions {
  readonly credentials: SignInCredentials;
  readonly onEvent?: (event: SignInEvent) => void;
  /** Unix ms. */
  readonly clock?: () => number;
}

/** Signing in to providers with a browser that is elsewhere or here: what the pages do, without the pages. */
export class SignInFlow {
  readonly devices: DeviceSignIns;
  readonly #credentials: SignInCredentials;
  readonly #onEvent: (event: SignInEvent) => void;
  readonly #clock: () => number;
  readonly #used = new UsedStates();

  constructor(options: SignInFlowOptions) {
    this.#credentials = options.credentials;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#clock = options.clock ?? Date.now;
    this.devices = new DeviceSignIns({ clock: this.#clock });
  }

  /** Every entry of auth.json in its order, with what is known of it. */
  async accounts(): Promise<
    readonly { readonly stored: StoredCredential; readonly status: SignInStatus | undefined }[]
  > {
    const known = new Map((await this.#credentials.status()).map((status) => [status.id, status]));
    return this.#credentials.entries().map((stored) => ({ stored, status: known.get(stored.id) }));
  }

  /** @throws SignInProblem, OAuthError, MoltbotError */
  async begin(options: {
    readonly id: string;
    /** The Host header. */
    readonly host: string;
    readonly secure: boolean;
    readonly caller: Caller;
  }): Promise<Begun> {
    const { id, host, secure, caller } = options;
    const { provider, entry } = oauthAccount(this.#credentials, id);
    const { client_id: clientId, grant = 'authorization_code' } = entry;
    if (grant === 'client_credentials') {
      if ((await this.#credentials.refreshNow(id)) !== 'refreshed') throw new SignInProblem('client-refused');
      this.#onEvent({ type: 'signed-in', id, caller });
      return { next: 'done' };
    }
    if (grant === 'device_code') {
      const accept = async (tokens: Parameters<SignInCredentials['signedIn']>[1]): Promise<void> => {
        await acceptTokens({ credentials: this.#credentials, id, clientId, tokens });
        this.#onEvent({ type: 'signed-in', id, caller });
      };
      const withClient: UseClient = (use) => this.#credentials.withClient(id, use);
      return { next: 'device', reference: await this.devices.begin({ id, withClient, accept }) };
    }
    const configured = this.#credentials.redirectUriOf(provider);
    const redirectUri = redirectUriFor({ host, configured, provider, credentialId: id });
    const pending = await this.#credentials.withClient(id, (client) => client.beginAuthorization({ redirectUri }));
    const { state, codeVerifier, nonce } = pending;
    const endsAt = this.#clock() + PENDING_S * 1_000;
    const value = { credentialId: id, clientId, redirectUri, state, codeVerifier, nonce, endsAt };
    const sealer = await this.#credentials.sealer();
    const cookie = PENDING_COOKIE.write(value, { sealer, maxAgeS: PENDING_S, secure });
    if (cookie === undefined) throw new SignInProblem('misconfigured');
    return { next: 'provider', url: pending.url, cookie };
  }

  /**
   * The browser came back.
   * @param options.query of the callback, with its question mark
   * @returns which credential is signed in now
   * @throws SignInProblem, OAuthError, MoltbotError; then nothing was stored
   */
  async finish(options: {
    readonly cookies: string | undefined;
    readonly query: string;
    readonly caller: Caller;
  }): Promise<string> {
    const { cookies, query, caller } = options;
    const pending = PENDING_COOKIE.read(cookies, await this.#credentials.sealer());
    const parameters = new URLSearchParams(query);
    if (pending === undefined) throw new SignInProblem('other-browser');
    const now = this.#clock();
    if (!isSameState(pending.state, parameters.get('state') ?? '')) throw new SignInProblem('state-mismatch');
    if (now >= pending.endsAt) throw new SignInProblem('late');
    if (!this.#used.use(pending.state, now)) throw new SignInProblem('used');
    if (!parameters.has('code') && !parameters.has('error')) throw new SignInProblem('no-code');
    const { credentialId: id, clientId, redirectUri } = pending;
    // Before a code is exchanged for tokens that nobody would keep.
    if (oauthAccount(this.#credentials, id).entry.client_id !== clientId) {
      throw new SignInProblem('changed-entry', (texts) => texts.errors['changed-entry'](id));
    }
    const callbackUrl = redirectUri + query;
    const tokens = await this.#credentials.withClient(id, (client) =>
      client.finishAuthorization({ pending: toPendingAuthorization(pending), callbackUrl }),
    );
    await acceptTokens({ credentials: this.#credentials, id, clientId, tokens });
    this.#onEvent({ type: 'signed-in', id, caller });
    return id;
  }

  /** Forgets the tokens here first, then gives them back at the provider as far as it takes them. */
  async signOut(id: string, caller: Caller): Promise<void> {
    oauthAccount(this.#credentials, id);
    const tokens = await this.#credentials.signedOut(id);
    this.#onEvent({ type: 'signed-out', id, caller });
    if (tokens === undefined) return;
    try {
      const { refreshToken, accessToken } = tokens;
      await this.#credentials.withClient(id, async (client) => {
        if (refreshToken !== undefined) await client.revoke({ token: refreshToken, kind: 'refresh_token' });
        await client.revoke({ token: accessToken, kind: 'access_token' });
      });
    } catch (error) {
      this.#onEvent({ type: 'revocation-failed', id, error });
    }
  }

  close(): void {
    this.devices.close();
  }
}
