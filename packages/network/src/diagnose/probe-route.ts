import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { request as sendRequest, type IncomingMessage } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { connectionFaultOf } from '../connection-fault.js';
import type { NetworkOptions } from '../network.js';
import { createProxyChoice, type Proxy } from '../proxy-choice.js';
import { trustBesidesDefault } from '../trust.js';
import { type CertificateFacts, certificateFacts } from './certificate-facts.js';
import type { ProbeAnswer, ProbeFault, ProbeStage, ProbeStageName, RouteProbe } from './route-probe.js';

export interface ProbeRouteOptions {
  /** http or https. */
  readonly url: string;
  /** How the product itself gets there: the proxy and the authorities that it would use. */
  readonly network: NetworkOptions;
  /** Past every proxy, for comparison. */
  readonly direct?: boolean | undefined;
  /** Whether to ask for the head of an answer too (a GET without any credential). */
  readonly ask?: boolean | undefined;
  /** For all stages together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What is looked at of an answer's head: RFC 9110, and what proxies and gateways add. */
const KEPT_HEADERS = ['date', 'age', 'server', 'via', 'content-type', 'location', 'www-authenticate'] as const;
const MAX_HEADER = 300;

/**
 * Goes to one address step by step and measures each: DNS, TCP, the proxy's CONNECT, TLS, HTTP. A connection that is not
 * trusted is looked at and left; nothing secret is ever sent. Rejects only where `signal` is aborted.
 */
export async function probeRoute(options: ProbeRouteOptions): Promise<RouteProbe> {
  const url = new URL(options.url);
  const proxy = options.direct === true ? undefined : createProxyChoice(options.network)(url);
  const probe = new Probe(url, proxy, options);
  const fault = await probe.run();
  options.signal?.throwIfAborted();
  return {
    url: `${url.origin}${url.pathname}`,
    proxy: proxy?.label,
    stages: probe.stages,
    fault,
    certificate: probe.certificate,
    answer: probe.answer,
  };
}

/** An end that is known for what it is. */
class StageFault extends Error {
  readonly facts: Omit<ProbeFault, 'stage'>;

  constructor(facts: Omit<ProbeFault, 'stage'>) {
    super(facts.code);
    this.facts = facts;
  }
}

class Probe {
  readonly stages: ProbeStage[] = [];
  certificate: CertificateFacts | undefined;
  answer: ProbeAnswer | undefined;
  readonly #url: URL;
  readonly #proxy: Proxy | undefined;
  readonly #options: ProbeRouteOptions;
  readonly #host: string;
  readonly #port: number;
  readonly #opened: { destroy(): unknown }[] = [];
  #signal: AbortSignal = AbortSignal.abort();
  #current: { readonly name: ProbeStageName; readonly target: string; readonly began: number } | undefined;

  constructor(url: URL, proxy: Proxy | undefined, options: ProbeRouteOptions) {
    this.#url = url;
    this.#proxy = proxy;
    this.#options = options;
    this.#host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.#port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  }

  async run(): Promise<ProbeFault | undefined> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), this.#options.timeoutMs);
    this.#signal = AbortSignal.any([
      limit.signal,
      ...(this.#options.signal === undefined ? [] : [this.#options.signal]),
    ]);
    try {
      await this.#walk();
      return undefined;
    } catch (error) {
      return this.#failed(error);
    } finally {
      clearTimeout(timer);
      for (const opened of this.#opened) opened.destroy();
    }
  }

  async #walk(): Promise<void> {
    const proxy = this.#proxy;
    const secure = this.#url.protocol === 'https:';
    let socket = await this.#connect(proxy?.hostname ?? this.#host, proxy?.port ?? this.#port);
    if (proxy?.secure === true) {
      socket = await this.#stage('proxy-tls', label(proxy.hostname, proxy.port), async () => {
        const secured = await this.#handshake(socket, proxy.hostname, {});
        const { authorized, authorizationError } = secured;
        if (!authorized) throw toStageFault(authorizationError);
        return { value: secured, detail: secured.getProtocol() ?? '' };
      });
    }
    if (proxy !== undefined && secure) await this.#tunnel(socket, proxy);
    let unverified: unknown;
    if (secure) ({ socket, unverified } = await this.#secure(socket));
    const ask = async (): Promise<void> => this.#ask(socket, proxy, secure);
    if (this.#options.ask !== false)
      await (unverified === undefined ? ask() : ask().catch((error) => this.#failed(error)));
    if (unverified !== undefined) throw unverified;
  }

  async #connect(host: string, port: number): Promise<Socket> {
    const target = label(host, port);
    const addresses =
      isIP(host) > 0
        ? [{ address: host, family: isIP(host) }]
        : await this.#stage('dns', host, async () => {
            const found = await this.#whileAlive(lookup(host, { all: true }));
            return { value: found, detail: found.map(({ address }) => address).join(' ') };
          });
    return this.#stage('tcp', target, async () => {
      const socket = connect({
        host,
        port,
        lookup: (_host, _options, callback) => callback(null, addresses),
      });
      this.#open(socket);
      await once(socket, 'connect', { signal: this.#signal });
      return { value: socket, detail: socket.remoteAddress ?? '' };
    });
  }

  async #tunnel(socket: Socket, proxy: Proxy): Promise<void> {
    const authority = label(this.#host.includes(':') ? `[${this.#host}]` : this.#host, this.#port);
    await this.#stage('proxy-connect', authority, async () => {
      const request = sendRequest({
        method: 'CONNECT',
        path: authority,
        createConnection: () => socket,
        signal: this.#signal,
        headers: {
          host: authority,
          ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization }),
        },
      });
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        request.once('connect', (response: IncomingMessage) => resolve(response));
        // Not 200: Node hands it over as a usual answer where the proxy goes on speaking HTTP.
        request.once('response', resolve);
        request.once('error', reject);
      });
      request.end();
      const { statusCode = 0 } = await answered;
      if (statusCode < 200 || statusCode > 299) {
        const kind = statusCode === 407 ? 'proxy-login-required' : 'proxy-refused';
        throw new StageFault({ kind, code: `HTTP ${statusCode}`, status: statusCode });
      }
      return { value: undefined, detail: `HTTP ${statusCode}` };
    });
  }

  /** A certificate that is in question is looked at all the same: what it says is the evidence. */
  async #secure(socket: Socket): Promise<{ readonly socket: TLSSocket; readonly unverified: unknown }> {
    const { extraCa } = this.#options.network;
    let unverified: unknown;
    const secured = await this.#stage('tls', label(this.#host, this.#port), async () => {
      const secured = await this.#handshake(socket, this.#host, { extraCa });
      this.certificate = certificateFacts({ socket: secured, extraCa });
      if (!secured.authorized) unverified = toStageFault(secured.authorizationError);
      const protocol = secured.getProtocol() ?? '';
      const issuer = this.certificate === undefined ? '' : `, certificate issued by ${this.certificate.issuer}`;
      return { value: secured, detail: `${protocol}${issuer}`, fault: unverified };
    });
    return { socket: secured, unverified };
  }

  async #handshake(socket: Socket, host: string, { extraCa }: { extraCa?: string | undefined }): Promise<TLSSocket> {
    const secured = connectTls({
      socket,
      host,
      ...(isIP(host) > 0 ? {} : { servername: host }),
      ...(extraCa === undefined ? {} : { secureContext: trustBesidesDefault(extraCa) }),
      ALPNProtocols: ['http/1.1'],
      // Who is not trusted is named below, and gets nothing but an empty request.
      rejectUnauthorized: false,
    });
    this.#open(secured);
    await once(secured, 'secureConnect', { signal: this.#signal });
    return secured;
  }

  async #ask(socket: Socket, proxy: Proxy | undefined, secure: boolean): Promise<void> {
    await this.#stage('http', label(this.#host, this.#port), async () => {
      const absolute = proxy !== undefined && !secure;
      const sentAt = Date.now();
      const began = performance.now();
      const request = sendRequest({
        method: 'GET',
        path: absolute ? `${this.#url.origin}${this.#url.pathname}` : this.#url.pathname,
        createConnection: () => socket,
        signal: this.#signal,
        headers: {
          host: this.#url.host,
          accept: 'application/json',
          'user-agent': 'moltbot-doctor',
          connection: 'close',
          ...(absolute && proxy.authorization !== undefined ? { 'proxy-authorization': proxy.authorization } : {}),
        },
      });
      this.#open(request);
      request.end();
      const [response] = (await once(request, 'response', { signal: this.#signal })) as [IncomingMessage];
      const receivedAt = sentAt + (performance.now() - began);
      response.destroy();
      const status = response.statusCode ?? 0;
      if (absolute && status === 407) {
        throw new StageFault({ kind: 'proxy-login-required', code: 'HTTP 407', status });
      }
      this.answer = { status, headers: keptHeaders(response), sentAt, receivedAt };
      return { value: undefined, detail: `HTTP ${status}` };
    });
  }

  async #stage<Value>(
    name: ProbeStageName,
    target: string,
    step: () => Promise<{ readonly value: Value; readonly detail: string; readonly fault?: unknown }>,
  ): Promise<Value> {
    this.#current = { name, target, began: performance.now() };
    const { value, detail, fault } = await step();
    this.#note(fault === undefined, fault === undefined ? detail : `${factsOf(fault).code}, ${detail}`);
    return value;
  }

  #note(ok: boolean, detail: string): void {
    if (this.#current === undefined) return;
    const { name, target, began } = this.#current;
    this.#current = undefined;
    this.stages.push({ name, target, ms: Math.round(performance.now() - began), ok, detail });
  }

  #failed(error: unknown): ProbeFault {
    // The TLS stage's own fault is thrown after the stage, and noted in it already.
    const stage = this.#current?.name ?? 'tls';
    const timedOut = this.#signal.aborted && !(error instanceof StageFault);
    const facts = timedOut ? ({ kind: 'timeout', code: 'ETIMEDOUT' } as const) : factsOf(error);
    this.#note(false, timedOut ? `no answer within ${this.#options.timeoutMs} ms` : facts.code);
    return { stage, ...facts };
  }

  #open(opened: { destroy(): unknown; on(event: 'error', listener: () => void): unknown }): void {
    // A late error of what is left behind is nobody's.
    opened.on('error', () => undefined);
    this.#opened.push(opened);
  }

  /** For what can't be cancelled. */
  async #whileAlive<Value>(running: Promise<Value>): Promise<Value> {
    const gone = Promise.withResolvers<never>();
    const abort = (): void => gone.reject(new Error('aborted'));
    this.#signal.addEventListener('abort', abort, { once: true });
    try {
      this.#signal.throwIfAborted();
      return await Promise.race([running, gone.promise]);
    } finally {
      this.#signal.removeEventListener('abort', abort);
      running.catch(() => undefined);
    }
  }
}

function factsOf(error: unknown): Omit<ProbeFault, 'stage'> {
  if (error instanceof StageFault) return error.facts;
  const fault = connectionFaultOf(error);
  if (fault !== undefined) return { kind: fault.kind, code: fault.code };
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return { kind: 'other', code: typeof code === 'string' ? code : 'unknown' };
}

/** Node says the code of what it holds against a certificate, as text or in an error. */
function toStageFault(reason: unknown): StageFault {
  const code = reason instanceof Error && 'code' in reason ? String(reason.code) : String(reason);
  const kind = connectionFaultOf(Object.assign(new Error(code), { code }))?.kind ?? 'certificate-invalid';
  return new StageFault({ kind, code });
}

function keptHeaders(response: IncomingMessage): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = response.headers[name];
    if (value === undefined) continue;
    const text = Array.isArray(value) ? value.join(', ') : value;
    // A redirect's query may hold a state or a code.
    const shown = name === 'location' ? text.replace(/[?#].*$/s, '') : text;
    kept[name] = shown.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_HEADER);
  }
  return kept;
}

function label(host: string, port: number): string {
  return `${host}:${port}`;
}
