import { OAuthError, type OAuthClient } from '@moltbot/auth';
import type { StoredCredential } from '@moltbot/config';
import { MoltbotError, type Secret } from '@moltbot/contracts';
import type { CredentialCheck } from '@moltbot/providers';
import type { CommandContext } from '../context.js';
import { askProvider, type CliCredentials } from './cli-credentials.js';

/** What those who know say of a credential now. */
export type Answer =
  | { readonly by: 'models'; readonly check: CredentialCheck }
  | {
      readonly by: 'introspection';
      readonly active: boolean;
      /** Where the authorization server says that it is over: what the API itself says. */
      readonly check: CredentialCheck | undefined;
      readonly durationMs: number;
    }
  /** There was no token to ask about; `code` of the table of errors. */
  | { readonly by: 'none'; readonly code: string; readonly why: string };

export interface AskAboutOptions {
  readonly context: CommandContext;
  readonly credentials: CliCredentials;
  readonly stored: StoredCredential;
  readonly signal: AbortSignal;
}

/**
 * Asks about a credential's token, which is renewed first where it has expired. Where it is rejected although it should be good,
 * it is renewed once and asked about again, as the server would do it.
 */
export async function askAbout(options: AskAboutOptions & { readonly introspect: boolean }): Promise<Answer> {
  const { credentials, stored, signal } = options;
  const { vault } = credentials;
  try {
    const token = await vault.tokenFor(stored.id);
    const answer = await ask(options, token);
    signal.throwIfAborted();
    if (!isRejection(answer) || !(await vault.refreshAfterRejection(stored.id, token))) return answer;
    return await ask(options, await vault.tokenFor(stored.id));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof MoltbotError)) throw error;
    return { by: 'none', code: error.code, why: error.message };
  }
}

export function isRejection(answer: Answer): boolean {
  switch (answer.by) {
    case 'models':
      return answer.check.outcome === 'rejected';
    case 'introspection':
      return !answer.active && answer.check?.outcome !== 'accepted';
    case 'none':
      return false;
  }
}

async function ask(options: AskAboutOptions & { readonly introspect: boolean }, token: Secret): Promise<Answer> {
  const { context, credentials, stored, signal, introspect } = options;
  const checked = (): Promise<CredentialCheck> => askProvider({ context, credentials, stored, token, signal });
  if (!introspect || stored.entry.type !== 'oauth') return { by: 'models', check: await checked() };
  const started = performance.now();
  const said = await credentials.withClient(stored, async (client) => introspection(client, token, signal));
  if (said === undefined) return { by: 'models', check: await checked() };
  const durationMs = Math.round(performance.now() - started);
  // It also says so of a token that this client may not ask about (RFC 7662 section 2.2).
  return { by: 'introspection', active: said, check: said ? undefined : await checked(), durationMs };
}

/** @returns `undefined` where the authorization server does not say */
async function introspection(client: OAuthClient, token: Secret, signal: AbortSignal): Promise<boolean | undefined> {
  try {
    return (await client.introspect({ token, kind: 'access_token', signal }))?.active;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof OAuthError) return undefined;
    throw error;
  }
}
