import type { OAuthClient, Vault } from '@moltbot/auth';
import {
  type LoadedConfig,
  type OAuthEntry,
  readProxyEnvironment,
  type StoredCredential,
  systemProxies,
} from '@moltbot/config';
import type { Secret } from '@moltbot/contracts';
import { type CredentialCheck, checkCredential, createModelRouter, createProviderClient } from '@moltbot/providers';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** The credentials of this home, for one command. */
export interface CliCredentials {
  /** As it is now; `reload` reads the files again. */
  readonly config: LoadedConfig;
  readonly vault: Vault;
  /** Uses the OAuth client of an entry, whether it stands in auth.json (yet) or not. @throws as `use`; MoltbotError `credential_missing`, `config_invalid` */
  withClient<Result>(stored: StoredCredential, use: (client: OAuthClient) => Promise<Result>): Promise<Result>;
  /** What an entry gives to send, whether it stands in auth.json (yet) or not. @throws MoltbotError as `CredentialVault.tokenFor` */
  tokenOf(stored: StoredCredential): Promise<Secret>;
  /** That tokens can be kept: their store answers, and there is the key that seals them. @throws MoltbotError `secret_key_unavailable`, `token_store_unavailable` */
  assertKeepsTokens(): Promise<void>;
  /** Reads both files again, after a change. */
  reload(): Promise<void>;
  /** Puts an act into the audit log, where the database runs. Never rejects. */
  note(act: { readonly action: string; readonly target: string }): Promise<void>;
}

/** Nobody is asked by it: the router only needs to know that there is a demo. */
const NO_DEMO = 'http://127.0.0.1:9';

/** Asks the provider of a credential what it thinks of this token. Rejects only with the signal's reason. */
export async function askProvider(options: {
  readonly context: CommandContext;
  readonly credentials: CliCredentials;
  readonly stored: StoredCredential;
  readonly token: Secret;
  readonly signal: AbortSignal;
}): Promise<CredentialCheck> {
  const { context, credentials, stored, token, signal } = options;
  const { config, vault } = credentials;
  const router = createModelRouter({ settings: () => config.settings, vault, demoBaseUrl: () => NO_DEMO });
  let client: ReturnType<typeof createProviderClient> | undefined;
  try {
    const [model] = router.plan({ model: `${stored.provider}:any` }).models;
    if (model === undefined) throw new Error(`no provider ${stored.provider}`);
    const { provider } = model;
    client = createProviderClient({ provider, system: systemProxies(readProxyEnvironment(context.env)) });
    return await checkCredential({ provider, client, token, credentialType: stored.entry.type, signal });
  } catch (error) {
    signal.throwIfAborted();
    return { outcome: 'unknown', why: error instanceof Error ? error.message : String(error), durationMs: 0 };
  } finally {
    await client?.close().catch(() => undefined);
  }
}

/** The entry of that name. @throws CommandError that says how to make one */
export function storedCredential(context: CommandContext, config: LoadedConfig, name: string): StoredCredential {
  const found = config.credentials.find(({ id }) => id === name);
  if (found !== undefined) return found;
  const names = config.credentials.map(({ id }) => id).join(', ');
  throw new CommandError('failed', context.messages.authUnknown(name, names), { code: 'not_found' });
}

/** @throws CommandError where it is an API key */
export function oauthEntry(context: CommandContext, { id, entry }: StoredCredential): OAuthEntry {
  if (entry.type === 'oauth') return entry;
  throw new CommandError('usage', context.messages.authIsKey(id));
}
