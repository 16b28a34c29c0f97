import type { Check } from './check.js';
import { callbackReachable } from './checks/callback-reachable.js';
import { clockCheck } from './checks/clock-offset.js';
import { configValid } from './checks/config-valid.js';
import { diskSpace } from './checks/disk-space.js';
import { authFileMode, filesHome, secretKeyMode } from './checks/files.js';
import { nodeVersion } from './checks/node-version.js';
import { oidcIssuer } from './checks/oidc-issuer.js';
import { portsChat, portsMetrics } from './checks/ports.js';
import { providerCredential } from './checks/provider-credential.js';
import { providerProxy, providerReachable, providerTls } from './checks/routes.js';
import { serverRunning, serverVersion } from './checks/server.js';
import {
  credentialsStore,
  queueReachable,
  stateReachable,
  storageReachable,
  storageVersion,
} from './checks/services.js';
import { refresh, scopes, signIn } from './checks/sign-in.js';

/** Every check, in the order in which they are told. */
export const CHECKS: readonly Check[] = [
  nodeVersion,
  filesHome,
  authFileMode,
  secretKeyMode,
  configValid,
  diskSpace,
  portsChat,
  portsMetrics,
  serverRunning,
  serverVersion,
  storageReachable,
  storageVersion,
  queueReachable,
  stateReachable,
  credentialsStore,
  providerReachable,
  providerProxy,
  providerTls,
  clockCheck,
  providerCredential,
  signIn,
  refresh,
  scopes,
  callbackReachable,
  oidcIssuer,
];
