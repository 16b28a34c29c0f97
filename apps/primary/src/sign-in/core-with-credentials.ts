import type { StoredCredential } from '@moltbot/config';
import type { Credentials } from '@moltbot/credentials';
import type { Core } from '../core/core.js';

/** The process's parts, with the providers' credentials. */
export interface CoreWithCredentials extends Core {
  readonly credentials: Credentials;
  /** auth.json as it is now, in its order. */
  readonly storedCredentials: () => readonly StoredCredential[];
}
