import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as sendRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { type CertificateAuthority, createCertificateAuthority } from './certificate-authority.js';
import { admitTunnel, forward, type ForwardProxyOptions, type ProxiedCall, proxyRules } from './forward-proxy.js';
import { listening } from './listening.js';

export interface InterceptingProxyOptions extends ForwardProxyOptions {
  /** By default one that is made now. */
  readonly authority?: CertificateAuthority | undefined;
}

export interface InterceptingProxy {
  readonly url: string;
  /** Whose certificates it shows instead of the hosts' own. */
  readonly authority: CertificateAuthority;
  readonly calls: readonly ProxiedCall[];
  /** `METHOD https://host/path` of what it read inside the tunnels. */
  readonly overheard: readonly string[];
  close(): Promise<void>;
}

/** A proxy that opens every tunnel, shows a certificate of its own for the host, reads, and passes on over TLS. */
export async function startInterceptingProxy(options: InterceptingProxyOptions = {}): Promise<InterceptingProxy> {
  const authority = options.authority ?? (await createCertificateAuthority({ name: 'Intercepting Proxy CA' }));
  const calls: ProxiedCall[] = [];
  const overheard: string[] = [];
  const rules = proxyRules(options, calls);
  const contexts = new Map<string, Promise<SecureContext>>();
  const targets = new WeakMap<object, URL>();

  const contextOf = (host: string): Promise<SecureContext> => {
    const made = contexts.get(host) ?? authority.issue({ hosts: [host] }).then(toContext);
    contexts.set(host, made);
    return made;
  };
  const server = createServer((request, response) => {
    const target = targets.get(request.socket);
    if (target === undefined) forward(request, response, rules);
    else {
      overheard.push(`${request.method} ${target.origin}${request.url}`);
      passOn({ request, response, target, address: rules.addressOf(target) });
    }
  });
  server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    const target = new URL(`https://${request.url}`);
    if (!admitTunnel({ rules, request, client, target })) return;
    void contextOf(target.hostname).then((secureContext) => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) client.unshift(head);
      const inside = new TLSSocket(client, { isServer: true, secureContext });
      // A caller that does not trust us hangs up in the middle of the handshake.
      inside.on('error', () => client.destroy());
      targets.set(inside, target);
      server.emit('connection', inside);
    });
  });
  const { port, close } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, authority, calls, overheard, close };
}

function toContext({ certificate, key }: { readonly certificate: string; readonly key: string }): SecureContext {
  return createSecureContext({ cert: certificate, key });
}

function passOn(options: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: URL;
  readonly address: { readonly host: string; readonly port: number };
}): void {
  const { request, response, target, address } = options;
  const upstream = sendRequest(
    {
      ...address,
      servername: target.hostname,
      // Whom such a proxy trusts is its own affair.
      rejectUnauthorized: false,
      method: request.method,
      path: request.url,
      headers: request.headers,
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
