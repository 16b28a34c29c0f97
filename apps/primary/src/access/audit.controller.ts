import { auditEntries } from '@moltbot/storage';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { parseStrictly } from './json-body.js';
import { auditQuerySchema } from './key-schemas.js';
import { RequireScope } from './require-scope.js';

/** Who was refused and who changed what, newest first. */
@Controller('v1/admin/audit')
@RequireScope('admin')
export class AuditController {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  @Get()
  async list(@Query() query: unknown) {
    const { limit, after, ...filter } = parseStrictly(auditQuerySchema, query);
    // What is under way belongs to the answer, as far as the database takes it now.
    await this.#core.storage.audit.flush();
    const { entries, next } = await auditEntries({ db: this.#core.storage.db, filter, after, limit });
    const data = entries.map((entry) => ({
      id: entry.id,
      object: 'audit_entry',
      at: new Date(entry.at).toISOString(),
      actor: entry.actor,
      actor_name: entry.actorName ?? null,
      source: entry.source ?? null,
      action: entry.action,
      target: entry.target ?? null,
      outcome: entry.outcome,
      error_code: entry.errorCode ?? null,
      request_id: entry.requestId ?? null,
      count: entry.count,
      detail: entry.detail ?? null,
    }));
    return { object: 'list', data, has_more: next !== undefined, next_after: next ?? null };
  }
}
