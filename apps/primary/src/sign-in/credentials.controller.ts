import type { AuditRecord } from '@moltbot/contracts';
import { MoltbotError } from '@moltbot/contracts';
import type { StoredCredential } from '@moltbot/config';
import { checkCredential } from '@moltbot/providers';
import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { READS_BODY, readJsonBody } from '../access/json-body.js';
import { RequireScope } from '../access/require-scope.js';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { toCredentialObject } from './credential-object.js';

const NOTHING = z.strictObject({});

/** The providers' credentials, for administrators; never their secrets. */
@Controller('v1/admin/credentials')
@RequireScope('admin')
export class CredentialsController {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  @Get()
  async list() {
    const { credentials, engine } = this.#core;
    const health = engine.credentialHealth();
    // Cool-downs are worth telling also while the token store is away.
    const { statuses, error } = await credentials.vault.status().then(
      (statuses) => ({ statuses, error: null }),
      (error: unknown) => ({ statuses: [], error: toStoreError(error) }),
    );
    const data = this.#core
      .storedCredentials()
      .map((stored) => toCredentialObject({ stored, status: statuses.find(({ id }) => id === stored.id), health }));
    return { object: 'list', data, has_more: false, store_error: error };
  }

  /** Clears what is held against it, in every process that shares the state. */
  @Post(':id/reset')
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async reset(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await readJsonBody({ request, reply, schema: NOTHING, optional: true });
    this.#find(id);
    const { cleared, shared } = await this.#core.engine.resetCredential(id);
    await this.#note(request, 'credential.reset', id, { cleared });
    return { id, cleared, shared };
  }

  /** Gets a new token now. */
  @Post(':id/refresh')
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async refresh(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await readJsonBody({ request, reply, schema: NOTHING, optional: true });
    const stored = this.#find(id);
    const { vault } = this.#core.credentials;
    const result = await vault.refreshNow(id);
    await this.#note(request, 'credential.refresh', id, { result });
    const status = (await vault.status()).find((status) => status.id === id);
    const health = this.#core.engine.credentialHealth();
    return { id, result, credential: toCredentialObject({ stored, status, health }) };
  }

  /** Asks the provider what it thinks of it: its list of models. */
  @Post(':id/test')
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async test(@Param('id') id: string, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    await readJsonBody({ request, reply, schema: NOTHING, optional: true });
    const { credentials, router, clients } = this.#core;
    const stored = this.#find(id);
    const [model] = router.plan({ model: `${stored.provider}:any` }).models;
    if (model === undefined) throw new MoltbotError('config_invalid', `There is no provider ${stored.provider}.`);
    const { provider } = model;
    const token = await credentials.vault.tokenFor(id);
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    const check = await checkCredential({
      provider,
      client: clients.of(provider),
      token,
      credentialType: stored.entry.type,
      signal: left.signal,
    });
    await this.#note(request, 'credential.test', id, { outcome: check.outcome });
    const { outcome, durationMs } = check;
    return {
      id,
      outcome,
      status: 'status' in check ? (check.status ?? null) : null,
      models: check.outcome === 'accepted' ? check.models : null,
      why: check.outcome === 'unknown' ? check.why : null,
      duration_ms: durationMs,
    };
  }

  /** @throws MoltbotError `not_found` */
  #find(id: string): StoredCredential {
    const stored = this.#core.storedCredentials().find((stored) => stored.id === id);
    if (stored !== undefined) return stored;
    throw new MoltbotError('not_found', 'auth.json has no such credential.');
  }

  async #note(request: FastifyRequest, action: string, target: string, detail: AuditRecord['detail']): Promise<void> {
    const { caller } = request;
    if (caller !== undefined) await this.#core.audit.act({ caller, action, target, detail });
  }
}

function toStoreError(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof MoltbotError) return { code: error.code, message: error.message };
  throw error;
}
