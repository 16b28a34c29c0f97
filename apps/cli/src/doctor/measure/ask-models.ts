import type { Secret } from '@moltbot/contracts';
import type { Network } from '@moltbot/network';
import type { Provider } from '@moltbot/providers';
import { codeOf } from './sign-in-endpoints.js';

/** What a provider says to one GET of its list of models. */
export type ModelsAnswer =
  | {
      readonly status: number;
      readonly json: boolean;
      readonly ms: number;
      /** Of a challenge (RFC 6750, section 3): `insufficient_scope` and what it would take. */
      readonly insufficientScope: string | undefined;
      readonly url: string;
    }
  | { readonly status: undefined; readonly error: string; readonly url: string };

/** With the headers of a usual call. Never rejects but for an aborted `signal`. */
export async function askModels(options: {
  readonly provider: Provider;
  readonly token: Secret | undefined;
  readonly credentialType: 'api_key' | 'oauth' | undefined;
  readonly network: Pick<Network, 'fetch'>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<ModelsAnswer> {
  const { provider, token, network, timeoutMs, signal } = options;
  const url = new URL(`${provider.baseUrl}/models`);
  const shown = url.href;
  for (const [name, value] of Object.entries(provider.settings.query)) url.searchParams.set(name, value);
  const began = performance.now();
  try {
    const answer = await network.fetch(url.href, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      headers: {
        accept: 'application/json',
        ...(provider.kind === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}),
        ...provider.settings.headers,
        ...(token === undefined ? {} : provider.authHeaders(token.reveal(), options.credentialType)),
      },
    });
    await answer.body?.cancel();
    return {
      status: answer.status,
      json: /\bjson\b/i.test(answer.headers.get('content-type') ?? ''),
      ms: Math.round(performance.now() - began),
      insufficientScope: insufficientScope(answer.headers.get('www-authenticate')),
      url: shown,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { status: undefined, error: codeOf(error), url: shown };
  }
}

function insufficientScope(challenge: string | null): string | undefined {
  if (challenge === null || !/error="?insufficient_scope/i.test(challenge)) return undefined;
  return (/scope="([^"]*)"/i.exec(challenge)?.[1] ?? '?').replace(/[^\x21-\x7e ]/g, '?').slice(0, 300);
}
