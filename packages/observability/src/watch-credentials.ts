import type { Metrics } from './metrics.js';

export interface WatchedCredential {
  readonly id: string;
  /** `ok`, `expiring`, or why it can't be used. */
  readonly state: string;
  /** Unix time in ms; of tokens. */
  readonly expiresAt?: number | undefined;
}

const LOOK_EVERY_MS = 30_000;

export interface CredentialWatch {
  /** Ids of those that can't be used, as the store knew them last. */
  readonly unusable: ReadonlySet<string>;
  stop(): void;
}

/** Shows now and then what the store knows of credentials, whoever refreshed them. */
export function watchCredentials(
  metrics: Metrics,
  status: () => Promise<readonly WatchedCredential[]>,
): CredentialWatch {
  let unusable: ReadonlySet<string> = new Set();
  let known: readonly string[] = [];
  const show = async (): Promise<void> => {
    const now = await status();
    // One may have left auth.json.
    metrics.credentialUsable.reset();
    metrics.credentialExpires.reset();
    const ids = new Set(now.map(({ id }) => id));
    for (const id of known) if (!ids.has(id)) metrics.credentialState.remove({ credential: id });
    known = [...ids];
    unusable = new Set(now.flatMap(({ id, state }) => (isUsable(state) ? [] : [id])));
    for (const { id, state, expiresAt } of now) {
      metrics.credentialUsable.set({ credential: id }, isUsable(state) ? 1 : 0);
      if (expiresAt !== undefined) metrics.credentialExpires.set({ credential: id }, expiresAt / 1_000);
    }
  };
  const look = (): void => {
    // A store that is away has been told of already.
    void show().catch(() => undefined);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  look();
  return {
    get unusable() {
      return unusable;
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}

function isUsable(state: string): boolean {
  return state === 'ok' || state === 'expiring';
}
