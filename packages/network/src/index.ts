export {
  CONNECTION_FAULTS,
  type ConnectionFault,
  type ConnectionFaultKind,
  connectionFaultOf,
} from './connection-fault.js';
export { createNetwork } from './create-network.js';
export type { Network, NetworkOptions } from './network.js';
export { ProxyError, type ProxyErrorCode } from './proxy-error.js';
export { parseCertificates } from './trust.js';
