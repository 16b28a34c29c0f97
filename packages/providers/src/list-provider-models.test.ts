import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createNetwork } from '@moltbot/network';
import { settingsSchema } from '@moltbot/config';
import { type ProviderKind, Secret } from '@moltbot/contracts';
import { createProvider } from './catalogue.js';
import { createUpstreamClient } from './http/upstream-client.js';
import type { UpstreamClient } from './http/upstream.js';
import { listProviderModels, type ListProviderModelsOptions } from './list-provider-models.js';
import type { Provider } from './target.js';

let server: Server;
let client: UpstreamClient;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: { readonly url: string; readonly headers: IncomingMessage['headers'] }[];

beforeEach(async () => {
  asked = [];
  client = createUpstreamClient({ network: createNetwork({ maxConnections: 2 }) });
  server = createServer((request, response) => {
    asked.push({ url: request.url ?? '', headers: request.headers });
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function providerOf(kind: ProviderKind, rest: Readonly<Record<string, unknown>> = {}): Provider {
  const { port } = server.address() as AddressInfo;
  const input = { kind, base_url: `http://127.0.0.1:${port}/v1`, ...rest };
  const { mine } = settingsSchema.parse({ providers: { mine: input } }).providers;
  if (mine === undefined) throw new Error('no settings');
  return createProvider('mine', mine);
}

function list(provider: Provider, options: Partial<ListProviderModelsOptions> = {}): Promise<readonly string[]> {
  const signal = new AbortController().signal;
  return listProviderModels({ provider, client, timeoutMs: 5_000, signal, ...options });
}

/** Answers each request with the next of these, the last one again and again. */
function say(...bodies: readonly unknown[]): void {
  let next = 0;
  answer = (_, response) => {
    const body = bodies[Math.min(next, bodies.length - 1)];
    next += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

describe('listProviderModels', () => {
  it('reads the list of OpenAI, with key, headers and query of the provider', async () => {
    say({ object: 'list', data: [{ id: 'b' }, { id: 'a' }, { id: 'b' }, { id: 7 }, { id: 'x'.repeat(300) }] });
    const provider = providerOf('openai', { headers: { 'X-Team': 't' }, query: { 'api-version': '1' } });
    expect(await list(provider, { token: new Secret('sk-1') })).toEqual(['b', 'a']);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      url: '/v1/models?api-version=1',
      headers: { authorization: 'Bearer sk-1', 'x-team': 't' },
    });
  });

  it('reads the empty list of Ollama', async () => {
    say({ object: 'list', data: null });
    expect(await list(providerOf('openai-compatible'))).toEqual([]);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  it('turns the pages of Anthropic', async () => {
    say(
      { data: [{ type: 'model', id: 'claude-a' }], has_more: true, first_id: 'claude-a', last_id: 'claude a&b' },
      { data: [{ type: 'model', id: 'claude-b' }], has_more: false, last_id: 'claude-b' },
    );
    expect(await list(providerOf('anthropic'), { token: new Secret('k') })).toEqual(['claude-a', 'claude-b']);
    expect(asked.map(({ url }) => url)).toEqual([
      '/v1/models?limit=1000',
      '/v1/models?limit=1000&after_id=claude%20a%26b',
    ]);
    expect(asked[1]?.headers).toMatchObject({ 'anthropic-version': '2023-06-01', 'x-api-key': 'k' });
  });

  it('turns the pages of Gemini and leaves out what neither chats nor embeds', async () => {
    const page = (name: string, method: string) => ({ name: `models/${name}`, supportedGenerationMethods: [method] });
    say(
      { models: [page('gemini-2.5-flash', 'generateContent'), page('veo-3', 'predict')], nextPageToken: 'p2' },
      { models: [page('gemini-embedding-001', 'embedContent'), { name: 'models/new' }] },
    );
    expect(await list(providerOf('gemini'))).toEqual(['gemini-2.5-flash', 'gemini-embedding-001', 'new']);
    expect(asked.map(({ url }) => url)).toEqual(['/v1/models?pageSize=1000', '/v1/models?pageSize=1000&pageToken=p2']);
    say({});
    expect(await list(providerOf('gemini'))).toEqual([]);
  });

  it('stops at twenty pages', async () => {
    say({ data: [{ id: 'a' }], has_more: true, last_id: 'a' });
    expect(await list(providerOf('anthropic'))).toEqual(['a']);
    expect(asked).toHaveLength(20);
  });

  it.each([
    ['openai', { error: { code: 503 } }],
    ['openai', []],
    ['openai', { data: 'x' }],
    ['anthropic', { models: [] }],
    ['gemini', { data: [] }],
  ] as const)('does not take another body for the list of %s: %j', async (kind, body) => {
    say(body);
    await expect(list(providerOf(kind))).rejects.toMatchObject({ kind: 'not-an-answer' });
  });

  it('does not take HTML for an empty list', async () => {
    answer = (_, response) => response.writeHead(200).end('<html></html>');
    await expect(list(providerOf('gemini'))).rejects.toMatchObject({ kind: 'not-an-answer' });
  });

  it('refuses a page of more than four megabytes', async () => {
    say({ data: [{ id: 'x'.repeat(4_200_000) }] });
    await expect(list(providerOf('openai'))).rejects.toMatchObject({ kind: 'not-an-answer' });
  });

  it.each([
    ['openai', 401, { error: { code: 'invalid_api_key' } }, 'credential-rejected'],
    ['anthropic', 529, { type: 'error', error: { type: 'overloaded_error' } }, 'overloaded'],
    ['gemini', 400, { error: { details: [errorInfo('API_KEY_INVALID')] } }, 'credential-rejected'],
  ] as const)('reads an error answer in the words of %s', async (kind, status, body, failure) => {
    answer = (_, response) => response.writeHead(status).end(JSON.stringify(body));
    await expect(list(providerOf(kind))).rejects.toMatchObject({ kind: failure, status });
  });

  it('waits no longer than it may, for all pages together', async () => {
    answer = () => undefined;
    await expect(list(providerOf('openai'), { timeoutMs: 50 })).rejects.toMatchObject({ name: 'ProviderError' });
    let clock = 0;
    say({ data: [{ id: 'a' }], has_more: true, last_id: 'a' });
    const now = (): number => (clock += 400);
    await expect(list(providerOf('anthropic'), { timeoutMs: 1_000, now })).rejects.toMatchObject({
      kind: 'response-timeout',
    });
  });

  it('ends when its signal fires', async () => {
    const abort = new AbortController();
    answer = () => abort.abort();
    await expect(list(providerOf('openai'), { signal: abort.signal })).rejects.toMatchObject({ kind: 'cancelled' });
  });
});

function errorInfo(reason: string): object {
  return { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason };
}
