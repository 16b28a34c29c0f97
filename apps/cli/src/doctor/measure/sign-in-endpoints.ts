import type { OAuthEndpoints } from '@moltbot/config';
import type { Network } from '@moltbot/network';

/** Where tokens of a provider are issued, as far as it can be found out. */
export type SignInEndpoints =
  | { readonly found: true; readonly tokenEndpoint: string; readonly issuer: string | undefined }
  | { readonly found: false; readonly url: string; readonly reason: string };

const MAX_DOCUMENT = 1_048_576;

/** The metadata of an issuer: OpenID Connect Discovery, section 4; RFC 8414, section 3. */
export function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/+$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

/** The configured token endpoint, or the one that the issuer's metadata names. Rejects only where `signal` is aborted. */
export async function findSignInEndpoints(options: {
  readonly endpoints: OAuthEndpoints | undefined;
  readonly network: Pick<Network, 'fetch'>;
  readonly signal: AbortSignal;
}): Promise<SignInEndpoints> {
  const { endpoints, network, signal } = options;
  const { issuer, token_endpoint: tokenEndpoint } = endpoints ?? {};
  if (tokenEndpoint !== undefined) return { found: true, tokenEndpoint, issuer };
  if (issuer === undefined)
    return { found: false, url: '', reason: 'neither `issuer` nor `token_endpoint` is configured' };
  let reason = '';
  for (const url of metadataUrls(issuer)) {
    const document = await readDocument({ url, network, signal });
    if (document.problem === undefined) {
      const told = document.value['token_endpoint'];
      const itself = document.value['issuer'];
      if (typeof itself === 'string' && URL.parse(itself)?.href !== new URL(issuer).href) {
        // OpenID Connect Discovery 4.3: no client may go on with it.
        return {
          found: false,
          url,
          reason: `it calls itself ${shownIssuer(itself)}, and \`issuer\` must say the same`,
        };
      }
      if (typeof told === 'string' && /^https?:$/.test(URL.parse(told)?.protocol ?? '')) {
        return { found: true, tokenEndpoint: told, issuer };
      }
    }
    reason ||= document.problem ?? 'it names no token_endpoint';
  }
  return { found: false, url: metadataUrls(issuer)[0] ?? issuer, reason };
}

/** As much of it as can be printed: without a login or a query. */
function shownIssuer(text: string): string {
  const url = URL.parse(text);
  return url === null ? 'something that is no URL' : `${url.origin}${url.pathname}`.slice(0, 200);
}

/** A JSON document by GET, bounded; `problem` is what came instead. Rejects only where `signal` is aborted. */
export async function readDocument(options: {
  readonly url: string;
  readonly network: Pick<Network, 'fetch'>;
  readonly signal: AbortSignal;
}): Promise<
  | { readonly problem: undefined; readonly value: Readonly<Record<string, unknown>> }
  | { readonly problem: string; readonly value?: undefined }
> {
  const { url, network, signal } = options;
  try {
    const answer = await network.fetch(url, { signal, headers: { accept: 'application/json' } });
    const text = await boundedText(answer);
    if (answer.status !== 200) return { problem: `HTTP ${answer.status}` };
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return { problem: 'no JSON object' };
    return { problem: undefined, value: value as Readonly<Record<string, unknown>> };
  } catch (error) {
    signal.throwIfAborted();
    return { problem: error instanceof SyntaxError ? 'no JSON (a page of a proxy?)' : codeOf(error) };
  }
}

async function boundedText(answer: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of answer.body ?? []) {
    size += piece.length;
    if (size > MAX_DOCUMENT) throw new SyntaxError('too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The code that says most: the system's or the TLS library's own, not that of a wrapper. */
export function codeOf(error: unknown): string {
  let found: string | undefined;
  let current: unknown = error;
  for (let depth = 0; typeof current === 'object' && current !== null && depth < MAX_DEPTH; depth += 1) {
    const { code, cause, errors } = current as { code?: unknown; cause?: unknown; errors?: unknown };
    if (typeof code === 'string') found = code;
    // All addresses of a name were tried: the first that failed speaks for the others.
    current = Array.isArray(errors) ? (errors[0] as unknown) : cause;
  }
  if (found !== undefined) return found;
  const { name } = (error ?? {}) as { readonly name?: unknown };
  return typeof name === 'string' ? name : 'unknown';
}

const MAX_DEPTH = 8;
