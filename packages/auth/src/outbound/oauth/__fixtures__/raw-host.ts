import { inspect } from 'node:util';
import { expect } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { httpAnswer, type RawServer, startRawServer } from '../../../testing/raw-server.js';
import { OAuthError } from '../../oauth-error.js';
import { createOAuthClient, type OAuthClientOptions } from '../create-oauth-client.js';

export const CANARIES = {
  refreshToken: 'canary-refresh-token-1234567890',
  clientSecret: 'canary:client/secret+1234567890',
};
export const JSON_TYPE = { 'content-type': 'application/json' };

let servers: RawServer[] = [];

export async function stopServers(): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
}

export async function start(answer: Parameters<typeof startRawServer>[0]): Promise<RawServer> {
  const server = await startRawServer(answer);
  servers.push(server);
  return server;
}

export const answering = (status: number, headers: Record<string, string>, body: string) =>
  start((socket) => socket.end(httpAnswer(status, headers, body)));

export function clientAt(url: string, changes: Partial<OAuthClientOptions> = {}) {
  return createOAuthClient({
    clientId: 'app',
    scopes: ['model:read'],
    endpoints: { token_endpoint: `${url}/token`, authorize_params: {}, required_scopes: [] },
    clientSecret: new Secret(CANARIES.clientSecret),
    fetch,
    timeoutMs: 5_000,
    ...changes,
  });
}

/** The failure, searched for secrets wherever it could be printed. */
export async function failureOf(promise: Promise<unknown>): Promise<OAuthError> {
  const error = await promise.then(
    () => undefined,
    (found: unknown) => found,
  );
  expect(error).toBeInstanceOf(OAuthError);
  const shown = [
    inspect(error, { depth: 20, showHidden: true }),
    JSON.stringify(error),
    String((error as Error).stack),
  ].join('\n');
  for (const canary of Object.values(CANARIES)) {
    expect(shown).not.toContain(canary);
    expect(shown).not.toContain(encodeURIComponent(canary));
    expect(shown).not.toContain(Buffer.from(canary).toString('base64').slice(0, 20));
  }
  return error as OAuthError;
}

