export {
  CONNECTION_FAULTS,
  type ConnectionFault,
  type ConnectionFaultKind,
  connectionFaultOf,
} from './connection-fault.js';
export { createNetwork } from './create-network.js';
export type { Network, NetworkOptions } from './network.js';
export { ProxyError, type ProxyErrorCode } from './proxy-error.js';
export { CertificateError, parseCertificates, readCertificates } from './trust.js';
export type { CertificateFacts, TrustSource } from './diagnose/certificate-facts.js';
export {
  type ClockOffset,
  clockOffset,
  type ClockSample,
  type ClockVerdict,
  type HostOffset,
  judgeClock,
} from './diagnose/clock-offset.js';
export {
  findInterception,
  type Interception,
  type InterceptionReason,
  type SeenHost,
} from './diagnose/find-interception.js';
export { measureClock, type MeasureClockOptions } from './diagnose/measure-clock.js';
export { probeRoute, type ProbeRouteOptions } from './diagnose/probe-route.js';
export type { ProbeAnswer, ProbeFault, ProbeStage, ProbeStageName, RouteProbe } from './diagnose/route-probe.js';
