import type { Credential } from '@moltbot/auth';
import type { ProviderKind, Secret } from '@moltbot/contracts';
import { chatWireOf } from './catalogue.js';
import { ProviderError } from './failure.js';
import type { UpstreamClient } from './http/upstream.js';
import { parseJson, readList, readObject, readText } from './read-json.js';
import { upstreamPost } from './router/upstream-post.js';
import type { Provider } from './target.js';
import type { JsonObject } from './caller-request.js';

export interface ListProviderModelsOptions {
  readonly provider: Provider;
  readonly client: Pick<UpstreamClient, 'get'>;
  readonly token?: Secret | undefined;
  /** What the token is. Default: an API key. */
  readonly credentialType?: Credential['type'] | undefined;
  /** For all pages together. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Milliseconds that only grow. */
  readonly now?: (() => number) | undefined;
}

interface Page {
  readonly names: readonly string[];
  /** Query of the next page; `undefined` where this is the last one. */
  readonly next: string | undefined;
}

interface ListShape {
  readonly headers: Readonly<Record<string, string>>;
  /** Query of the first page. */
  readonly first: string;
  /** @returns `undefined` where it is no list */
  read(body: JsonObject): Page | undefined;
}

const MAX_PAGES = 20;
const MAX_PAGE_BYTES = 4_194_304;
const MAX_NAMES = 20_000;
const MAX_NAME = 256;
const CHATS_OR_EMBEDS = new Set(['generateContent', 'embedContent', 'batchEmbedContents']);

const OPENAI: ListShape = { headers: {}, first: '', read: readOpenAi };

const SHAPES: Readonly<Record<ProviderKind, ListShape>> = {
  openai: OPENAI,
  'openai-compatible': OPENAI,
  demo: OPENAI,
  anthropic: { headers: { 'anthropic-version': '2023-06-01' }, first: '?limit=1000', read: readAnthropic },
  gemini: { headers: {}, first: '?pageSize=1000', read: readGemini },
};

/**
 * The names of the models that a provider says it serves, in its order, at most 20,000 from at most 20 pages.
 * @throws ProviderError as for any call: what the error answer says, `not-an-answer`, `response-timeout`, `unreachable`, …
 */
export async function listProviderModels(options: ListProviderModelsOptions): Promise<readonly string[]> {
  const { provider, now = () => performance.now() } = options;
  const shape = SHAPES[provider.kind];
  const deadline = now() + options.timeoutMs;
  const names = new Set<string>();
  let query: string | undefined = shape.first;
  for (let pages = 0; query !== undefined && pages < MAX_PAGES && names.size < MAX_NAMES; pages += 1) {
    const timeoutMs = deadline - now();
    if (timeoutMs <= 0) throw new ProviderError('response-timeout', 'The list of models did not come in time.');
    const body = await getPage(options, shape, query, timeoutMs);
    const page = body === undefined ? undefined : shape.read(body);
    if (page === undefined) throw new ProviderError('not-an-answer', 'The body is no list of models.', { status: 200 });
    for (const name of page.names) if (name.length <= MAX_NAME && names.size < MAX_NAMES) names.add(name);
    query = page.next;
  }
  return [...names];
}

async function getPage(
  { provider, client, token, credentialType, signal }: ListProviderModelsOptions,
  shape: ListShape,
  query: string,
  timeoutMs: number,
): Promise<JsonObject | undefined> {
  const { body: _, ...request } = upstreamPost({
    provider,
    request: { path: `/models${query}`, body: Buffer.alloc(0), headers: shape.headers, dropped: [] },
    token,
    credentialType,
    accept: 'application/json',
    callerHeaders: undefined,
    connectTimeoutMs: timeoutMs,
    headersTimeoutMs: timeoutMs,
    signal,
  });
  const response = await client.get(request);
  try {
    const body = await response.whole({ limit: MAX_PAGE_BYTES, timeoutMs });
    const { status, headers } = response;
    if (status < 200 || status > 299) throw chatWireOf(provider).fromError({ status, headers, body, now: Date.now() });
    return readObject(parseJson(body.toString('utf8')));
  } finally {
    response.cancel();
  }
}

function readOpenAi(body: JsonObject): Page | undefined {
  const { data } = body;
  // Ollama without a model says null.
  if (!Array.isArray(data) && !(data === null && body['object'] === 'list')) return undefined;
  return { names: textsOf(data, 'id'), next: undefined };
}

/** @see https://docs.anthropic.com/en/api/models-list */
function readAnthropic(body: JsonObject): Page | undefined {
  const { data } = body;
  if (!Array.isArray(data)) return undefined;
  const last = readText(body['last_id']);
  const more = body['has_more'] === true && last !== undefined;
  return { names: textsOf(data, 'id'), next: more ? `?limit=1000&after_id=${encodeURIComponent(last)}` : undefined };
}

/** @see https://ai.google.dev/api/models#method:-models.list */
function readGemini(body: JsonObject): Page | undefined {
  // A page without a model has no list; an object of another kind has neither list nor token.
  const models = body['models'];
  if (models !== undefined && !Array.isArray(models)) return undefined;
  const token = readText(body['nextPageToken']);
  if (models === undefined && token === undefined && Object.keys(body).length > 0) return undefined;
  const usable = readList(models).filter((model) => isUsable(readObject(model)));
  const names = textsOf(usable, 'name').map((name) => name.replace(/^models\//, ''));
  return { names, next: token === undefined ? undefined : `?pageSize=1000&pageToken=${encodeURIComponent(token)}` };
}

/** Whether we have a use for it: chat or embeddings. Where nothing is said, it is believed. */
function isUsable(model: JsonObject | undefined): boolean {
  const methods = model?.['supportedGenerationMethods'];
  return !Array.isArray(methods) || methods.some((method) => CHATS_OR_EMBEDS.has(String(method)));
}

function textsOf(entries: unknown, key: string): readonly string[] {
  return readList(entries).flatMap((entry) => readText(readObject(entry)?.[key]) ?? []);
}
