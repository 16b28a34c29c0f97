/** Documents of an issuer are a few KB. */
const MAX_BYTES = 524_288;

/** One JSON document, bounded in time and size; redirects are not followed. @throws Error that says what was wrong */
export async function fetchJson(options: {
  readonly fetch: typeof globalThis.fetch;
  readonly url: string;
  readonly timeoutMs: number;
}): Promise<unknown> {
  const { url } = options;
  const response = await options.fetch(url, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(options.timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.byteLength;
    // Leaving the loop cancels the rest.
    if (size > MAX_BYTES) throw new Error(`${url} answers more than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8')) as unknown;
  } catch (error) {
    throw new Error(`${url} answers no JSON`, { cause: error });
  }
}
