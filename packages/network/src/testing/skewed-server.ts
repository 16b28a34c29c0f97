import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { IssuedCertificate } from './certificate-authority.js';
import { listening } from './listening.js';

export interface SkewedServerOptions {
  /** Its clock minus ours. */
  readonly offsetMs?: number | undefined;
  readonly certificate?: IssuedCertificate | undefined;
  /** By default 200 and an empty JSON object. */
  readonly answer?: RequestListener | undefined;
}

export interface SkewedServer {
  readonly url: string;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** From the next answer on; `undefined`: no `Date` at all. */
  offsetMs: number | undefined;
  close(): Promise<void>;
}

/** A server whose `Date` header (RFC 9110, section 6.6.1) is off. */
export async function startSkewedServer(options: SkewedServerOptions = {}): Promise<SkewedServer> {
  const { certificate, answer } = options;
  const state = { offsetMs: options.offsetMs ?? 0 } as { offsetMs: number | undefined };
  const listener: RequestListener = (request, response) => {
    response.sendDate = false;
    if (state.offsetMs !== undefined) response.setHeader('date', new Date(Date.now() + state.offsetMs).toUTCString());
    if (answer === undefined) response.setHeader('content-type', 'application/json').end('{}');
    else answer(request, response);
  };
  const server =
    certificate === undefined
      ? createServer(listener)
      : createTlsServer({ cert: certificate.certificate, key: certificate.key }, listener);
  const { port, close } = await listening(server);
  const address = `127.0.0.1:${port}`;
  return Object.assign(state, {
    url: `${certificate === undefined ? 'http' : 'https'}://${address}`,
    address,
    close,
  });
}
