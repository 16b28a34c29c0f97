import { randomBytes } from 'node:crypto';
import type { DeviceAuthorization, OAuthClient, TokenSet } from '@moltbot/auth';
import { SignInProblem, toSignInProblem } from './sign-in-problem.js';

/** A sign-in with a code on another device, as the page that waits for it sees it. */
export type DeviceSignIn =
  | { readonly state: 'waiting'; readonly id: string; readonly device: DeviceAuthorization }
  | { readonly state: 'done'; readonly id: string }
  | { readonly state: 'failed'; readonly id: string; readonly problem: SignInProblem };

/** Lends the OAuth client of a credential. */
export type UseClient = <Result>(use: (client: OAuthClient) => Promise<Result>) => Promise<Result>;

interface Entry {
  readonly id: string;
  readonly abort: AbortController;
  /** `undefined`: its code is not there yet. */
  view: DeviceSignIn | undefined;
  /** Forgotten after that. Unix ms. */
  endsAt: number;
}

/** How long its outcome is remembered after the code ran out. */
const REMEMBERED_MS = 5 * 60_000;
/** The longest that a code is waited for, whatever the server says of it. */
const LONGEST_MS = 60 * 60_000;

/** Sign-ins with a device code that are under way in this process; few, and each ends by itself. */
export class DeviceSignIns {
  readonly #entries = new Map<string, Entry>();
  readonly #limit: number;
  readonly #clock: () => number;

  constructor(options: { readonly limit?: number; readonly clock?: () => number } = {}) {
    this.#limit = options.limit ?? 32;
    this.#clock = options.clock ?? Date.now;
  }

  /**
   * Asks for a code, then waits for the person in the background. A second one for the same credential ends the first.
   * @param options.accept what becomes of the tokens
   * @returns by what the page asks for it
   * @throws SignInProblem `too-many`; OAuthError
   */
  async begin(options: {
    readonly id: string;
    readonly withClient: UseClient;
    readonly accept: (tokens: TokenSet) => Promise<void>;
  }): Promise<string> {
    const { id, withClient, accept } = options;
    this.#forgetOld();
    for (const [reference, entry] of this.#entries) if (entry.id === id) this.#remove(reference, entry);
    if (this.#entries.size >= this.#limit) throw new SignInProblem('too-many');
    const abort = new AbortController();
    const reference = randomBytes(16).toString('base64url');
    // Its place is taken before anything is awaited, so that many at once find the limit too.
    const now = this.#clock();
    const entry: Entry = { id, abort, view: undefined, endsAt: now + LONGEST_MS };
    this.#entries.set(reference, entry);
    const shown = Promise.withResolvers<DeviceAuthorization>();
    // One client for both steps: what it knows of its server it has to ask for once.
    const done = withClient(async (client) => {
      const device = await client.beginDevice({ signal: abort.signal });
      shown.resolve(device);
      return client.finishDevice({ device, signal: abort.signal });
    }).then(accept);
    void this.#wait(entry, done);
    done.catch((error: unknown) => shown.reject(error));
    try {
      const device = await shown.promise;
      entry.view ??= { state: 'waiting', id, device };
      entry.endsAt = Math.min(device.expiresAt, now + LONGEST_MS) + REMEMBERED_MS;
      return reference;
    } catch (error) {
      this.#entries.delete(reference);
      throw error;
    }
  }

  /** @throws SignInProblem `device-gone` */
  of(reference: string): DeviceSignIn {
    this.#forgetOld();
    const entry = this.#entries.get(reference);
    if (entry?.view === undefined) throw new SignInProblem('device-gone');
    return entry.view;
  }

  close(): void {
    for (const [reference, entry] of this.#entries) this.#remove(reference, entry);
  }

  async #wait(entry: Entry, done: Promise<void>): Promise<void> {
    const { id, abort } = entry;
    const timer = setTimeout(() => abort.abort(), LONGEST_MS);
    timer.unref();
    try {
      await done;
      entry.view = { state: 'done', id };
    } catch (error) {
      entry.view = { state: 'failed', id, problem: toSignInProblem(error) };
    } finally {
      clearTimeout(timer);
    }
  }

  #forgetOld(): void {
    const now = this.#clock();
    for (const [reference, entry] of this.#entries) if (now >= entry.endsAt) this.#remove(reference, entry);
  }

  #remove(reference: string, entry: Entry): void {
    entry.abort.abort();
    this.#entries.delete(reference);
  }
}
