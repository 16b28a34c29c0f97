import { createServer, type IncomingMessage, request as sendRequest, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { listening } from './listening.js';

/** A status, or no answer at all; for every host, or by its name or `name:port`. */
export type Refusals = number | 'silence' | Readonly<Record<string, number | 'silence'>>;

export interface ForwardProxyOptions {
  /** `user:password` that every call has to bring; 407 without. */
  readonly login?: string | undefined;
  readonly refuse?: Refusals | undefined;
  /** Where hosts are, by name or by `name:port`: `127.0.0.1:port`. Others are looked for under their own names. */
  readonly hosts?: Readonly<Record<string, string>> | undefined;
}

export interface ProxiedCall {
  readonly method: string;
  /** `host:port` */
  readonly target: string;
  /** What the caller was told; 200 for a tunnel; 0: nothing. */
  readonly status: number;
}

export interface ForwardProxy {
  /** Without a login. */
  readonly url: string;
  /** In the order in which they came. */
  readonly calls: readonly ProxiedCall[];
  close(): Promise<void>;
}

/** What proxies have in common: who may pass, where a name is. */
export interface ProxyRules {
  /** The status that ends the call, `silence`, or `undefined`: it may pass. Notes the call. */
  admit(request: IncomingMessage, target: URL): number | 'silence' | undefined;
  addressOf(target: URL): { readonly host: string; readonly port: number };
}

export function proxyRules(options: ForwardProxyOptions, calls: ProxiedCall[]): ProxyRules {
  const { login, refuse, hosts = {} } = options;
  const expected = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  return {
    admit(request, target) {
      const byPort = `${target.hostname}:${portOf(target)}`;
      const refusal = typeof refuse === 'object' ? (refuse[byPort] ?? refuse[target.hostname]) : refuse;
      const denied = expected !== undefined && request.headers['proxy-authorization'] !== expected ? 407 : refusal;
      const status = denied === 'silence' ? 0 : (denied ?? 200);
      calls.push({ method: request.method ?? '', target: byPort, status });
      return denied;
    },
    addressOf(target) {
      const known = hosts[`${target.hostname}:${portOf(target)}`] ?? hosts[target.hostname];
      const url = known === undefined ? target : new URL(`http://${known}`);
      return { host: url.hostname, port: portOf(url) };
    },
  };
}

/** A forward proxy as companies have them: absolute addresses for http, CONNECT for the rest (RFC 9110, sections 7.1 and 9.3.6). */
export async function startForwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const calls: ProxiedCall[] = [];
  const rules = proxyRules(options, calls);
  const server = createServer((request, response) => forward(request, response, rules));
  server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    const target = new URL(`https://${request.url}`);
    if (!admitTunnel({ rules, request, client, target })) return;
    const { host, port } = rules.addressOf(target);
    const upstream = connect(port, host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => endWith(client, 502));
    upstream.once('close', () => client.destroy());
    client.once('close', () => upstream.destroy());
  });
  const { port, close } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, calls, close };
}

/** Says no where the rules do. @returns whether the tunnel may be made */
export function admitTunnel(options: {
  readonly rules: ProxyRules;
  readonly request: IncomingMessage;
  readonly client: Duplex;
  readonly target: URL;
}): boolean {
  const { rules, request, client, target } = options;
  client.on('error', () => undefined);
  const refusal = rules.admit(request, target);
  if (typeof refusal === 'number') endWith(client, refusal);
  return refusal === undefined;
}

export function forward(request: IncomingMessage, response: ServerResponse, rules: ProxyRules): void {
  const target = URL.parse(request.url ?? '');
  if (target?.protocol !== 'http:') {
    response.writeHead(400).end();
    return;
  }
  const refusal = rules.admit(request, target);
  if (refusal === 'silence') return;
  if (refusal !== undefined) {
    response.writeHead(refusal, challenge(refusal)).end('refused by the proxy');
    return;
  }
  const { 'proxy-authorization': _login, 'proxy-connection': _kept, ...headers } = request.headers;
  const upstream = sendRequest(
    {
      ...rules.addressOf(target),
      method: request.method,
      path: target.pathname + target.search,
      headers: { ...headers, host: target.host },
      agent: false,
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  upstream.on('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
  request.pipe(upstream);
}

function endWith(client: Duplex, status: number): void {
  const lines = Object.entries(challenge(status)).map(([name, value]) => `${name}: ${value}\r\n`);
  client.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}content-length: 0\r\nconnection: close\r\n\r\n`);
}

function challenge(status: number): Readonly<Record<string, string>> {
  return status === 407 ? { 'proxy-authenticate': 'Basic realm="testing"' } : {};
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}
