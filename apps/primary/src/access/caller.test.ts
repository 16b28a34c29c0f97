import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import fastify from 'fastify';
import { serverOptions } from '../server-options.js';
import { sourceOf } from './caller.js';

async function sourceFor(options: {
  readonly trusted: readonly string[];
  readonly remoteAddress: string;
  readonly forwardedFor: string;
}): Promise<string> {
  const { server } = settingsSchema.parse({ server: { trusted_proxies: options.trusted } });
  const app = fastify(serverOptions({ server, newRequestId: () => 'req' }));
  app.get('/', (request) => ({ source: sourceOf(request) }));
  try {
    const { remoteAddress, forwardedFor } = options;
    const reply = await app.inject({ url: '/', remoteAddress, headers: { 'x-forwarded-for': forwardedFor } });
    return reply.json<{ source: string }>().source;
  } finally {
    await app.close();
  }
}

describe('where a request comes from', () => {
  it.each([
    { trusted: [], remoteAddress: '10.0.0.1', forwardedFor: '203.0.113.7', is: '10.0.0.1' },
    { trusted: ['10.0.0.0/8'], remoteAddress: '10.0.0.1', forwardedFor: '203.0.113.7', is: '203.0.113.7' },
    { trusted: ['private'], remoteAddress: '::ffff:172.18.0.5', forwardedFor: '203.0.113.7', is: '203.0.113.7' },
    { trusted: ['10.0.0.1'], remoteAddress: '10.0.0.2', forwardedFor: '203.0.113.7', is: '10.0.0.2' },
    // What the caller wrote itself stands before what the trusted proxy added.
    { trusted: ['10.0.0.1'], remoteAddress: '10.0.0.1', forwardedFor: '1.1.1.1, 203.0.113.7', is: '203.0.113.7' },
  ])('is $is for $remoteAddress that says $forwardedFor, where $trusted are believed', async ({ is, ...options }) => {
    expect(await sourceFor(options)).toBe(is);
  });

  it.each(['10.0.0.0/33', '10.0.0', 'proxy.example', '::1/129', '10.0.0.0/8/8', ''])('is no proxy: %p', (entry) => {
    expect(settingsSchema.safeParse({ server: { trusted_proxies: [entry] } }).success).toBe(false);
  });
});
