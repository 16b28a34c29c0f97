import type { Metrics } from './metrics.js';

export interface WatchedCredential {
  readonly id: string;
  /** `ok`, `expiring`, or why it can't be used. */
  readonly state: string;
  /** Unix time in ms; of tokens. */
  readonly expiresAt?: number | undefined;
}

const LOOK_EVERY_MS = 30_000;

/** Shows now and then what the store knows of credentials, whoever refreshed them. @returns ends it */
export function watchCredentials(metrics: Metrics, status: () => Promise<readonly WatchedCredential[]>): () => void {
  const show = async (): Promise<void> => {
    const now = await status();
    // One may have left auth.json.
    metrics.credentialUsable.reset();
    metrics.credentialExpires.reset();
    for (const { id, state, expiresAt } of now) {
      metrics.credentialUsable.set({ credential: id }, state === 'ok' || state === 'expiring' ? 1 : 0);
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
  return () => {
    clearInterval(timer);
  };
}
