import {
  type ApiKeyVerifier,
  type CallerVerifier,
  createApiKeyVerifier,
  createCallerVerifier,
  createJwtVerifier,
} from '@moltbot/auth';
import { effectiveAccess, type Settings } from '@moltbot/config';
import { createNetwork, type NetworkOptions } from '@moltbot/network';
import type { Storage } from '@moltbot/storage';
import type { Telemetry } from '../core/telemetry.js';
import { type Access, createAccess } from './access.js';
import { keepAuditShort } from './audit-retention.js';
import { type AuditTrail, createAuditTrail } from './audit-trail.js';
import { assertSafeBind } from './bind-safety.js';

/** Everything about who calls: built once, from the settings that are fixed at start. */
export interface AccessControl {
  readonly access: Access;
  readonly audit: AuditTrail;
  /** Who presents a key or a token now, also while access is open. */
  readonly callers: CallerVerifier;
  readonly apiKeys: ApiKeyVerifier;
  /** @throws MoltbotError `unsafe_bind`, `storage_unavailable` */
  assertSafe(): Promise<void>;
  close(): Promise<void>;
}

export function createAccessControl(options: {
  readonly settings: () => Settings;
  readonly storage: Storage;
  readonly telemetry: Telemetry;
  /** The system’s proxies, on the way to the organisation’s issuer. */
  readonly system: NetworkOptions['system'];
}): AccessControl {
  const { settings, storage, telemetry, system } = options;
  const { server } = settings();
  const mode = effectiveAccess(server);
  const apiKeys = createApiKeyVerifier({
    lookup: (hash) => storage.apiKeys.findByHash(hash),
    version: () => storage.apiKeys.version(),
    onEvent: (event) => telemetry.accessEvent(event),
  });
  // Where access is open nobody is asked for a token.
  const oidc = mode === 'open' ? undefined : server.oidc;
  const network = oidc === undefined ? undefined : createNetwork({ ...(system && { system }) });
  const tokens =
    oidc === undefined || network === undefined
      ? undefined
      : createJwtVerifier({
          settings: oidc,
          fetch: network.fetch,
          onEvent: (event) => telemetry.accessEvent(event),
        });
  const callers = createCallerVerifier({ apiKeys, tokens });
  const access = createAccess({ mode, verifier: callers, allowedHosts: () => settings().server.allowed_hosts });
  const audit = createAuditTrail({ log: storage.audit, callersAreLocal: access.callersAreLocal });
  const retention = keepAuditShort({
    db: storage.db,
    retentionMs: () => settings().storage.audit_retention,
    onError: (error) => telemetry.storageEvent({ type: 'storage-write-failed', error }),
  });
  void tokens?.prepare();

  return {
    access,
    audit,
    callers,
    apiKeys,
    async assertSafe() {
      const anyKey = mode === 'open' || (await storage.apiKeys.hasUsable());
      assertSafeBind({ server, activeKeys: anyKey ? 1 : 0 });
      if (!anyKey && oidc === undefined) {
        telemetry.logger.warn('nobody is let in yet: there is no API key (`moltbot keys create NAME` makes one)');
      }
    },
    async close() {
      retention.close();
      audit.close();
      await network?.close();
    },
  };
}
