import type { Credential } from '@moltbot/auth';
import type { Secret } from '@moltbot/contracts';
import { ProviderError } from './failure.js';
import type { UpstreamClient } from './http/upstream.js';
import { listProviderModels } from './list-provider-models.js';
import type { Provider } from './target.js';

/** What a provider says of a credential. */
export type CredentialCheck =
  | { readonly outcome: 'accepted'; readonly models: number; readonly durationMs: number }
  /** 401: the credential itself. */
  | { readonly outcome: 'rejected'; readonly status: number | undefined; readonly durationMs: number }
  /** 403: known there, but not allowed to list models. */
  | { readonly outcome: 'forbidden'; readonly status: number | undefined; readonly durationMs: number }
  /** Not asked, or the answer says nothing of the credential; `why` is ours and safe to show. */
  | { readonly outcome: 'unknown'; readonly why: string; readonly durationMs: number };

export interface CheckCredentialOptions {
  readonly provider: Provider;
  readonly client: Pick<UpstreamClient, 'get'>;
  readonly token: Secret;
  /** What the token is. Default: an API key. */
  readonly credentialType?: Credential['type'] | undefined;
  readonly signal: AbortSignal;
  /** Default 10 s. */
  readonly timeoutMs?: number | undefined;
}

/** Asks a provider for its list of models: the cheapest call that needs a good credential. Rejects only with the signal's reason. */
export async function checkCredential(options: CheckCredentialOptions): Promise<CredentialCheck> {
  const { signal, timeoutMs = 10_000, ...call } = options;
  const started = performance.now();
  const durationMs = (): number => Math.round(performance.now() - started);
  try {
    const models = await listProviderModels({ ...call, signal, timeoutMs });
    return { outcome: 'accepted', models: models.length, durationMs: durationMs() };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ProviderError)) throw error;
    const { status } = error;
    if (error.kind === 'credential-rejected') {
      return { outcome: status === 403 ? 'forbidden' : 'rejected', status, durationMs: durationMs() };
    }
    const why = `${error.message.replace(/\.$/, '')}${status === undefined ? '' : ` (${status})`}`;
    return { outcome: 'unknown', why, durationMs: durationMs() };
  }
}
