import type { Secret } from '@moltbot/contracts';

/** The system's place for secrets of the person who is signed in. Each method rejects where it can't be reached. */
export interface Keyring {
  /** `undefined` where it can be reached and has no such entry. */
  read(account: string, signal: AbortSignal): Promise<Secret | undefined>;
  write(account: string, secret: Secret, signal: AbortSignal): Promise<void>;
  remove(account: string, signal: AbortSignal): Promise<void>;
}
