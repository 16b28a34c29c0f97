import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { type CertificateAuthority, createCertificateAuthority } from './certificate-authority.js';
import { listening } from './listening.js';

export interface TlsServerOptions {
  /** In its certificate; the first is in `url`. */
  readonly hosts?: readonly string[] | undefined;
  /** By default one that is made now. */
  readonly authority?: CertificateAuthority | undefined;
  readonly notBefore?: Date | undefined;
  readonly notAfter?: Date | undefined;
  /** By default 200 and an empty JSON object. */
  readonly answer?: RequestListener | undefined;
}

export interface TlsServer {
  /** `https://first-host:port` */
  readonly url: string;
  /** `127.0.0.1:port`, for the tables of proxies. */
  readonly address: string;
  readonly authority: CertificateAuthority;
  close(): Promise<void>;
}

/** An HTTPS server on 127.0.0.1 with a certificate of a test authority. */
export async function startTlsServer(options: TlsServerOptions = {}): Promise<TlsServer> {
  const { hosts = ['127.0.0.1'], notBefore, notAfter } = options;
  const authority = options.authority ?? (await createCertificateAuthority({ name: 'Testing CA' }));
  const { certificate, key } = await authority.issue({
    hosts,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(notAfter === undefined ? {} : { notAfter }),
  });
  const answer: RequestListener =
    options.answer ?? ((_, response) => response.setHeader('content-type', 'application/json').end('{}'));
  const server = createServer({ cert: certificate, key }, answer);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const { port, close } = await listening(server);
  return { url: `https://${hosts[0] ?? '127.0.0.1'}:${port}`, address: `127.0.0.1:${port}`, authority, close };
}
