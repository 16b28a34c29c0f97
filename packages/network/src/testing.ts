export {
  type CertificateAuthority,
  createCertificateAuthority,
  type IssuedCertificate,
} from './testing/certificate-authority.js';
export {
  type ForwardProxy,
  type ForwardProxyOptions,
  type ProxiedCall,
  type Refusals,
  startForwardProxy,
} from './testing/forward-proxy.js';
export {
  type InterceptingProxy,
  type InterceptingProxyOptions,
  startInterceptingProxy,
} from './testing/intercepting-proxy.js';
export { type SkewedServer, type SkewedServerOptions, startSkewedServer } from './testing/skewed-server.js';
export { startTlsServer, type TlsServer, type TlsServerOptions } from './testing/tls-server.js';
