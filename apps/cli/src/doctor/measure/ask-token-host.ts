import { createOAuthClient, type OAuthClient, OAuthError } from '@moltbot/auth';
import type { OAuthEntry } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { ConfiguredContext } from '../check.js';
import type { MeasuredProvider } from './measurements.js';

/** What the token host holds of our client. */
export interface TokenHostAnswer {
  /** One line; printable. */
  readonly told: string;
  /** It knows the client and its secret. */
  readonly accepted: boolean;
  /** Its code, where it does not take the client as it is. */
  readonly refused: string | undefined;
  /** An `OAuthFailure`, where no OAuth answer came. */
  readonly problem: string | undefined;
}

/** No server issued it: it can be refused, and nothing is used up by that. */
const NO_SUCH_TOKEN = 'moltbot-doctor-no-such-token';
const ASK_MS = 4_000;
/** About the token alone: the client was taken. */
const ABOUT_THE_TOKEN: ReadonlySet<string> = new Set(['invalid_grant', 'invalid_scope', 'invalid_request', 'other']);

export interface AskTokenHostOptions {
  readonly context: ConfiguredContext;
  readonly account: { readonly id: string; readonly provider: string; readonly entry: OAuthEntry };
  readonly signal: AbortSignal;
}

/**
 * Presents a refresh token that never was, with the client's own proof: the server's code says whether it takes the client.
 * @returns `undefined` where the token host was not reached, or nothing is configured to ask it with
 */
export async function askTokenHost(options: AskTokenHostOptions): Promise<TokenHostAnswer | undefined> {
  const { account, signal } = options;
  const { entry } = account;
  try {
    const client = await openClient(options);
    if (client === undefined) return undefined;
    if (entry.grant === 'client_credentials') await client.clientCredentials({ signal });
    else await client.refresh({ refreshToken: new Secret(NO_SUCH_TOKEN), signal });
    return { told: `${entry.client_id}: accepted`, accepted: true, refused: undefined, problem: undefined };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof OAuthError) return fromError(entry.client_id, error);
    const told = error instanceof MoltbotError ? error.message : 'the client’s secret can not be had';
    return { told: `${entry.client_id}: ${told}`, accepted: false, refused: undefined, problem: 'misconfigured' };
  }
}

/** The scopes of the living token, as its server says them now (RFC 7662); `undefined`: it does not say. */
export async function scopesByServer(options: AskTokenHostOptions): Promise<readonly string[] | undefined> {
  const { context, account, signal } = options;
  try {
    const token = await context.signIns.tokenFor(account.id);
    const client = token === undefined ? undefined : await openClient(options);
    if (token === undefined || client === undefined) return undefined;
    const said = await client.introspect({ token, kind: 'access_token', signal });
    // Not active may also mean that this client may not ask.
    return said?.active === true ? said.scopes : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** Whether a refresh could get to the token host. */
export async function tokenHostIsReached({ measured, config }: ConfiguredContext, provider: string): Promise<boolean> {
  const providers = await measured.providers(config);
  return isReached(providers.find(({ route }) => route.provider.name === provider));
}

function isReached(measured: MeasuredProvider | undefined): boolean {
  if (measured?.signIn?.found !== true) return false;
  return measured.routes.every(({ purpose, probe }) => purpose !== 'sign-in' || probe.fault === undefined);
}

async function openClient({ context, account }: AskTokenHostOptions): Promise<OAuthClient | undefined> {
  const { entry } = account;
  const providers = await context.measured.providers(context.config);
  const measured = providers.find(({ route }) => route.provider.name === account.provider);
  const endpoints = measured?.route.provider.settings.oauth;
  const network = measured?.route.network;
  if (endpoints === undefined || network === undefined || !isReached(measured)) return undefined;
  return createOAuthClient({
    clientId: entry.client_id,
    scopes: entry.scopes,
    endpoints,
    clientSecret: entry.client_secret && (await context.signIns.resolve(entry.client_secret)),
    privateKey: entry.private_key && (await context.signIns.resolve(entry.private_key)),
    privateKeyId: entry.private_key_id,
    fetch: context.measured.network(network).fetch,
    timeoutMs: ASK_MS,
  });
}

function fromError(clientId: string, error: OAuthError): TokenHostAnswer {
  const { failure, code, status } = error;
  const http = status === undefined ? '' : ` (HTTP ${status})`;
  if (failure !== 'refused') {
    return { told: `${clientId}: ${failure}${http}`, accepted: false, refused: undefined, problem: failure };
  }
  const accepted = ABOUT_THE_TOKEN.has(code ?? 'other');
  const told = accepted ? `${clientId}: accepted (${code}, as it should be)` : `${clientId}: ${code}`;
  return { told: `${told}${http}`, accepted, refused: accepted ? undefined : code, problem: undefined };
}
