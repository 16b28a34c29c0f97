import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createNetwork } from '@moltbot/network';
import { createUpstreamClient } from './http/upstream-client.js';
import type { UpstreamClient } from './http/upstream.js';
import { findLocalServers, type LocalServer } from './local-servers.js';

const never = new AbortController().signal;
const servers: Server[] = [];
let client: UpstreamClient;

beforeEach(() => {
  client = createUpstreamClient({ network: createNetwork({ maxConnections: 8 }) });
});

afterEach(async () => {
  await client.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

type Answers = Readonly<Record<string, unknown>>;

/** A server that gives these answers as JSON by path, or does what a function says. */
async function serve(answers: Answers): Promise<{ readonly port: number; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const answer = answers[path];
    if (typeof answer === 'function') (answer as (response: ServerResponse) => void)(response);
    else if (answer === undefined) response.writeHead(404).end('{"error":"no such path"}');
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, asked };
}

async function freePort(): Promise<number> {
  const { port } = await serve({});
  const server = servers.pop();
  server?.close();
  return port;
}

function find(ports: readonly number[], timeoutMs = 2_000): Promise<readonly LocalServer[]> {
  return findLocalServers({ client, ports, timeoutMs, signal: never });
}

function list(...models: readonly (readonly [id: unknown, owner?: string])[]): Answers {
  return {
    '/v1/models': { object: 'list', data: models.map(([id, owner]) => ({ id, object: 'model', owned_by: owner })) },
  };
}

describe('findLocalServers', () => {
  it('tells the servers of a machine apart by their answers, in the order of the ports', async () => {
    const ollama = await serve({
      ...list(['llama3.2:3b', 'library'], ['mine', 'me']),
      '/api/version': { version: '0.12.1' },
    });
    const lmstudio = await serve(list(['qwen3', 'organization_owner']));
    const vllm = await serve(list(['Qwen/Qwen3-8B', 'vllm']));
    const llamacpp = await serve(list(['gpt-oss', 'llamacpp']));
    expect(await find([ollama.port, lmstudio.port, vllm.port, llamacpp.port, vllm.port])).toEqual([
      { provider: 'ollama', baseUrl: `http://127.0.0.1:${ollama.port}/v1`, models: ['llama3.2:3b', 'mine'] },
      { provider: 'lmstudio', baseUrl: `http://127.0.0.1:${lmstudio.port}/v1`, models: ['qwen3'] },
      { provider: 'vllm', baseUrl: `http://127.0.0.1:${vllm.port}/v1`, models: ['Qwen/Qwen3-8B'] },
      { provider: 'llamacpp', baseUrl: `http://127.0.0.1:${llamacpp.port}/v1`, models: ['gpt-oss'] },
    ]);
    expect(vllm.asked).toEqual(['/v1/models']);
  });

  it('finds an Ollama that holds no model', async () => {
    const ollama = await serve({ '/v1/models': { object: 'list', data: null }, '/api/version': { version: '0.12.1' } });
    expect(await find([ollama.port])).toEqual([expect.objectContaining({ provider: 'ollama', models: [] })]);
  });

  it('offers nothing that is none of them', async () => {
    const others = [
      await serve(list(['demo:assistant', 'moltbot'])),
      await serve({ '/v1/models': 'text' }),
      await serve({ '/v1/models': { data: {} } }),
      await serve({}),
      await serve({ '/v1/models': (response: ServerResponse) => response.end('<html></html>') }),
      await serve({ '/v1/models': (response: ServerResponse) => response.writeHead(302, { location: '/' }).end() }),
      await serve({ '/v1/models': (response: ServerResponse) => response.destroy() }),
    ];
    expect(await find([...others.map(({ port }) => port), await freePort()])).toEqual([]);
    expect(others.every(({ asked }) => asked.length > 0)).toBe(true);
  });

  it('refuses a list larger than a megabyte, and takes no more than a thousand names of a bearable length', async () => {
    const names = Array.from({ length: 1_500 }, (_, index) => [`m${index}`, 'vllm'] as const);
    const many = await serve(list(...names));
    const odd = await serve(list(['a', 'vllm'], ['a', 'vllm'], ['x'.repeat(300), 'vllm'], [7, 'vllm'], ['b', 'vllm']));
    const huge = await serve(list(['x'.repeat(1_100_000), 'vllm']));
    const found = await find([many.port, odd.port, huge.port]);
    expect(found.map(({ models }) => models.length)).toEqual([1_000, 2]);
    expect(found[1]?.models).toEqual(['a', 'b']);
  });

  it('waits no longer than it may, for any of them', async () => {
    const silent = await serve({ '/v1/models': () => undefined });
    const dribbling = await serve({
      '/v1/models': (response: ServerResponse) => {
        response.writeHead(200).write('{"object":"list",');
      },
    });
    const vllm = await serve(list(['m', 'vllm']));
    const began = performance.now();
    const found = await find([silent.port, dribbling.port, vllm.port], 200);
    expect(found.map(({ provider }) => provider)).toEqual(['vllm']);
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  it('skips our own port, and asks nobody for a caller who left', async () => {
    const own = await serve(list(['m', 'vllm']));
    expect(await findLocalServers({ client, ports: [own.port], skipPorts: [own.port], signal: never })).toEqual([]);
    expect(await findLocalServers({ client, ports: [own.port], signal: AbortSignal.abort() })).toEqual([]);
    expect(own.asked).toEqual([]);
  });
});
