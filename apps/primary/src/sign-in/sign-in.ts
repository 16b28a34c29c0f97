import type { Identity } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import type { Logger } from '@moltbot/observability';
import type { FastifyInstance } from 'fastify';
import type { Core } from '../core/core.js';
import { AdminSessions } from './admin-sessions.js';
import type { SignInCredentials } from './sign-in-credentials.js';
import { SignInFlow } from './sign-in-flow.js';
import { registerSignInRoutes } from './sign-in-routes.js';

/** The pages for administrators: what they share, and how they end. */
export interface SignIn {
  /** For any other page for administrators. */
  readonly sessions: AdminSessions;
  close(): void;
}

/** Puts the sign-in pages on the server. */
export async function openSignIn(options: {
  readonly fastify: FastifyInstance;
  readonly core: Core;
  readonly logger: Logger;
}): Promise<SignIn> {
  const { fastify, core, logger } = options;
  const { access, accessControl, audit } = core;
  const credentials = toSignInCredentials(core);
  const sessions = new AdminSessions({
    access,
    sealer: () => core.credentials.sealer(),
    identify: (presented) => accessControl.callers.verify(presented),
    recall: (hash) => recall(core, hash),
  });
  const flow = new SignInFlow({
    credentials,
    onEvent(event) {
      const { type, id } = event;
      if (type === 'revocation-failed') {
        logger.warn('tokens were not revoked', { credential: id, error: String(event.error) });
        return;
      }
      logger.info(type, { credential: id });
      const action = type === 'signed-in' ? 'credential.sign_in' : 'credential.sign_out';
      void audit.act({ caller: event.caller, action, target: id });
    },
  });
  await registerSignInRoutes(fastify, {
    flow,
    sessions,
    credentials,
    newRequestId: () => core.requestIds.next(),
    onProblem({ request, caller, problem }) {
      const { cause } = problem;
      const error = cause instanceof MoltbotError ? cause : new MoltbotError(problem.code, problem.reason, { cause });
      audit.denied({ error, caller, path: request.url, method: request.method });
      if (error.code === 'internal_error') core.reportFault(caller.requestId, error);
    },
  });
  return { sessions, close: () => flow.close() };
}

function toSignInCredentials(core: Core): SignInCredentials {
  const { credentials } = core;
  const { vault } = credentials;
  return {
    sealer: () => credentials.sealer(),
    entries: () => core.storedCredentials(),
    redirectUriOf: (provider) => core.settings().providers[provider]?.oauth?.redirect_uri,
    status: () => vault.status(),
    async withClient(id, use) {
      const opened = await credentials.openClient(id);
      try {
        return await use(opened.client);
      } finally {
        await opened.close();
      }
    },
    signedIn: (id, tokens) => vault.signedIn(id, tokens),
    signedOut: (id) => vault.signedOut(id),
    refreshNow: (id) => vault.refreshNow(id),
  };
}

/** Whose key has this hash; looked up at each use of a page, so that a revocation ends the session. */
async function recall(core: Core, hash: string): Promise<Identity | undefined> {
  const row = await core.storage.apiKeys.findByHash(hash);
  if (row === undefined || row.revokedAt !== undefined) return undefined;
  if (row.expiresAt !== undefined && row.expiresAt <= Date.now()) return undefined;
  const { id, name, scopes, models, limits } = row;
  return { keyId: id, name, scopes, models, limits };
}
