import { generateApiKey } from '@moltbot/auth';
import type { AuditRecord } from '@moltbot/contracts';
import { MoltbotError } from '@moltbot/contracts';
import type { ApiKeyChanges, ApiKeyRecord } from '@moltbot/storage';
import { Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { parseStrictly, READS_BODY, readJsonBody } from './json-body.js';
import { keyChangesSchema, keyListQuerySchema, keyQuerySchema, newKeySchema, rotationSchema } from './key-schemas.js';
import { RequireScope } from './require-scope.js';

const ID = /^key_[0-9a-f]{12}$/;

/** The callers' keys, for administrators. A key's secret is in the answer to its making or rotation, and nowhere else. */
@Controller('v1/admin/keys')
@RequireScope('admin')
export class KeysController {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  @Get()
  async list(@Query() query: unknown) {
    const { limit, after } = parseStrictly(keyListQuerySchema, query);
    const keys = await this.#core.storage.apiKeys.list({ limit: limit + 1, after });
    const data = keys.slice(0, limit);
    return { object: 'list', data: data.map(toKeyObject), has_more: keys.length > limit };
  }

  @Post()
  @RouteConfig(READS_BODY)
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const body = await readJsonBody({ request, reply, schema: newKeySchema });
    const { key, hash, prefix } = generateApiKey();
    const { name, scopes } = body;
    const { models, limits, expiresAt } = toChanges(body);
    const record = await this.#core.storage.apiKeys.create({
      name,
      hash,
      prefix,
      scopes,
      models: models ?? undefined,
      limits: limits ?? undefined,
      expiresAt: expiresAt ?? undefined,
    });
    await this.#note({ request, action: 'key.create', target: record.id, detail: toDetail(record) });
    return { ...toKeyObject(record), key: key.reveal() };
  }

  @Get(':id')
  async find(@Param('id') id: string) {
    const record = ID.test(id) ? await this.#core.storage.apiKeys.find(id) : undefined;
    return toKeyObject(found(record));
  }

  @Patch(':id')
  @RouteConfig(READS_BODY)
  async update(
    @Param('id') id: string,
    @Query() query: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const choice = toChoice(id, query);
    const body = await readJsonBody({ request, reply, schema: keyChangesSchema });
    const changes = toChanges(body);
    const record = await this.#noted({ request, action: 'key.update', target: id, detail: { ...body } }, () =>
      this.#core.storage.apiKeys.update(choice, changes),
    );
    return toKeyObject(record);
  }

  @Delete(':id')
  async revoke(@Param('id') id: string, @Query() query: unknown, @Req() request: FastifyRequest) {
    const choice = toChoice(id, query);
    const record = await this.#noted({ request, action: 'key.revoke', target: id }, () =>
      this.#core.storage.apiKeys.revoke(choice),
    );
    return toKeyObject(record);
  }

  @Post(':id/rotate')
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async rotate(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { grace } = await readJsonBody({ request, reply, schema: rotationSchema, optional: true });
    const { key, hash, prefix } = generateApiKey();
    const detail = { grace_ms: grace };
    const record = await this.#noted({ request, action: 'key.rotate', target: id, detail }, () =>
      this.#core.storage.apiKeys.rotate({ idOrName: ID.test(id) ? id : '' }, { hash, prefix, graceMs: grace }),
    );
    return { ...toKeyObject(record), key: key.reveal() };
  }

  /** Notes that it was done, or that it was refused as the last admin's key. @throws MoltbotError `not_found` too */
  async #noted(act: Act, change: () => Promise<ApiKeyRecord | undefined>): Promise<ApiKeyRecord> {
    try {
      const record = found(await change());
      await this.#note({ ...act, detail: { name: record.name, ...act.detail } });
      return record;
    } catch (error) {
      if (error instanceof MoltbotError && error.param === 'force') {
        await this.#note({ ...act, errorCode: error.code });
      }
      throw error;
    }
  }

  async #note({ request, ...act }: Act): Promise<void> {
    const { caller } = request;
    if (caller !== undefined) await this.#core.audit.act({ caller, ...act });
  }
}

interface Act {
  readonly request: FastifyRequest;
  readonly action: string;
  readonly target: string;
  readonly detail?: AuditRecord['detail'];
  readonly errorCode?: MoltbotError['code'];
}

/** Names are for people: a path names a key by its id. */
function toChoice(id: string, query: unknown) {
  const { force } = parseStrictly(keyQuerySchema, query);
  return { idOrName: ID.test(id) ? id : '', keepAnAdmin: force !== 'true' };
}

function found(record: ApiKeyRecord | undefined): ApiKeyRecord {
  if (record === undefined) throw new MoltbotError('not_found', 'There is no such key, or it is revoked.');
  return record;
}

/** @throws MoltbotError `invalid_request` where the key would be dead at once */
function toChanges(body: {
  readonly name?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly models?: ApiKeyChanges['models'];
  readonly limits?: ApiKeyChanges['limits'];
  readonly expires_at?: number | null | undefined;
  readonly expires_in?: number | undefined;
}): ApiKeyChanges {
  const { name, scopes, models, limits } = body;
  const now = Date.now();
  const expiresAt = body.expires_in === undefined ? body.expires_at : now + body.expires_in;
  if (typeof expiresAt === 'number' && expiresAt <= now) {
    throw new MoltbotError('invalid_request', 'expires_at: expected a time to come; to end a key now, delete it.', {
      param: 'expires_at',
    });
  }
  return { name, scopes, models, limits, expiresAt };
}

function toDetail({ name, scopes, models, limits, expiresAt }: ApiKeyRecord): AuditRecord['detail'] {
  return { name, scopes, models, limits: limits === undefined ? undefined : { ...limits }, expires_at: iso(expiresAt) };
}

function toKeyObject(record: ApiKeyRecord) {
  return {
    id: record.id,
    object: 'api_key',
    name: record.name,
    prefix: record.prefix,
    state: stateOf(record),
    scopes: record.scopes,
    models: record.models ?? null,
    limits: record.limits ?? null,
    created_at: iso(record.createdAt),
    expires_at: iso(record.expiresAt),
    revoked_at: iso(record.revokedAt),
    rotated_at: iso(record.rotatedAt),
    former_secret_until: iso(record.previousUntil),
    last_used_at: iso(record.lastUsedAt),
  };
}

function stateOf({ revokedAt, expiresAt }: ApiKeyRecord): 'active' | 'revoked' | 'expired' {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && expiresAt <= Date.now() ? 'expired' : 'active';
}

function iso(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
