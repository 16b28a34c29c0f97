import { sql } from 'kysely';
import type { Database } from './database.js';
import {
  type FineTuningCheckpoint,
  type FineTuningEnd,
  type FineTuningEvent,
  type FineTuningFault,
  type FineTuningProgress,
  type FineTuningRecord,
  type FineTuningRow,
  type NewFineTuning,
  toFineTuning,
} from './fine-tuning-record.js';
import { storableText } from './storable-text.js';
import { guarded } from './storage-error.js';

interface Page {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Fine-tuning jobs, what happened to them, and the models that came of them. Each throws MoltbotError `storage_unavailable`. */
export interface FineTuningStore {
  /** @returns the one that was made under the same idempotency key before, else the new one */
  create(job: NewFineTuning): Promise<FineTuningRecord>;
  find(id: string, options?: { readonly owner?: string | undefined }): Promise<FineTuningRecord | undefined>;
  /** Newest first; `metadata`: those that have each of these pairs. */
  list(
    options: Page & {
      readonly owner?: string | undefined;
      readonly metadata?: Readonly<Record<string, string>> | undefined;
    },
  ): Promise<readonly FineTuningRecord[]>;
  /** Asks whoever works on it to end it at the provider. One that has ended stays as it is. */
  cancel(id: string, options?: { readonly owner?: string | undefined }): Promise<FineTuningRecord | undefined>;
  /** Forgets one that no job was made for. */
  drop(id: string): Promise<void>;

  /**
   * Takes it in charge, until nothing was heard for `leaseMs`: so nobody else asks the provider for it meanwhile.
   * @returns undefined where it has ended, or another worker has it
   */
  claim(
    id: string,
    options: { readonly worker: string; readonly leaseMs: number },
  ): Promise<FineTuningRecord | undefined>;
  release(id: string, worker: string): Promise<void>;
  /** Tells that the worker lives. @returns false where it is not this worker's any more */
  beat(id: string, worker: string): Promise<boolean>;
  /** Writes how far the work has come. @returns undefined where it is not this worker's any more */
  save(id: string, worker: string, progress: FineTuningProgress): Promise<FineTuningRecord | undefined>;
  /** Ends it, and registers the model that came of it, in one step. @returns false where somebody else has ended it */
  end(
    id: string,
    worker: string,
    end: {
      readonly status: FineTuningEnd;
      readonly error?: FineTuningFault | undefined;
      readonly model?: string | undefined;
    },
  ): Promise<boolean>;

  /** Each once, by its id. */
  addEvents(id: string, events: readonly FineTuningEvent[]): Promise<void>;
  /** Newest first. */
  events(id: string, page: Page): Promise<readonly FineTuningEvent[]>;
  addCheckpoints(id: string, checkpoints: readonly FineTuningCheckpoint[]): Promise<void>;
  /** Newest first. */
  checkpoints(id: string, page: Page): Promise<readonly FineTuningCheckpoint[]>;

  /** Those that nobody has worked on since an instant (Unix ms); told of once, then only after as long again. */
  takeUnheard(options: { readonly before: number; readonly limit: number }): Promise<readonly FineTuningRecord[]>;
}

interface ContentRow {
  readonly id: string;
  readonly at: Date;
  readonly content: Readonly<Record<string, unknown>>;
}

type ContentTable = 'fine_tuning_events' | 'fine_tuning_checkpoints';

export function createFineTuningStore({ db }: { readonly db: Database }): FineTuningStore {
  async function rows(query: ReturnType<typeof sql<FineTuningRow>>): Promise<readonly FineTuningRecord[]> {
    const result = await guarded(() => query.execute(db.kysely));
    return result.rows.map(toFineTuning);
  }
  const ownedBy = (owner: string | undefined) => (owner === undefined ? sql`true` : sql`owner = ${owner}`);
  const mine = (id: string, worker: string) => sql`id = ${id} and worker = ${worker} and ended_at is null`;

  async function add(
    table: ContentTable,
    id: string,
    entries: readonly { readonly id: string; readonly at: number }[],
  ) {
    if (entries.length === 0) return;
    const given = entries.map(({ id: entryId, at, ...content }) => ({ id: entryId, at: new Date(at), content }));
    const query = sql`insert into ${sql.table(table)} (fine_tuning_id, id, at, content)
      select ${id}, given.id, given.at, given.content
        from json_to_recordset(${jsonOf(given)}::json) as given (id text, at timestamptz, content jsonb)
      on conflict do nothing`;
    await guarded(() => query.execute(db.kysely));
  }

  async function entries<T>(table: ContentTable, id: string, { after, limit }: Page): Promise<readonly T[]> {
    const from =
      after === undefined
        ? sql`true`
        : sql`seq < (select seq from ${sql.table(table)} where fine_tuning_id = ${id} and id = ${after})`;
    const query = sql<ContentRow>`select id, at, content from ${sql.table(table)}
      where fine_tuning_id = ${id} and ${from} order by seq desc limit ${limit}`;
    const found = await guarded(() => query.execute(db.kysely));
    return found.rows.map((row) => ({ ...row.content, id: row.id, at: row.at.getTime() }) as T);
  }

  return {
    async create(job) {
      const [made] = await rows(sql`insert into fine_tunings (id, owner, idempotency_key, request_hash, provider, model,
          asked, training_file, training_key, validation_file, validation_key, status)
        values (${job.id}, ${job.owner ?? null}, ${job.idempotencyKey ?? null}, ${job.requestHash}, ${job.provider},
          ${job.model}, ${jsonOf(job.asked)}, ${job.trainingFile}, ${job.trainingKey}, ${job.validationFile ?? null},
          ${job.validationKey ?? null}, 'validating_files')
        on conflict (coalesce(owner, ''), idempotency_key) where idempotency_key is not null do nothing returning *`);
      if (made !== undefined) return made;
      const [before] = await rows(sql`select * from fine_tunings
        where coalesce(owner, '') = ${job.owner ?? ''} and idempotency_key = ${job.idempotencyKey ?? ''}`);
      if (before === undefined) throw new Error('a fine-tuning job of this key was there and is gone');
      return before;
    },
    async find(id, { owner } = {}) {
      const [found] = await rows(sql`select * from fine_tunings where id = ${id} and ${ownedBy(owner)}`);
      return found;
    },
    async list({ owner, metadata, after, limit }) {
      const from = after === undefined ? sql`true` : sql`seq < (select seq from fine_tunings where id = ${after})`;
      const having = metadata === undefined ? sql`true` : sql`asked -> 'metadata' @> ${jsonOf(metadata)}::jsonb`;
      return rows(sql`select * from fine_tunings where ${ownedBy(owner)} and ${having} and ${from}
        order by seq desc limit ${limit}`);
    },
    async cancel(id, { owner } = {}) {
      await rows(sql`update fine_tunings set cancel_requested_at = now()
        where id = ${id} and ${ownedBy(owner)} and ended_at is null and cancel_requested_at is null`);
      return this.find(id, { owner });
    },
    async drop(id) {
      await rows(sql`delete from fine_tunings where id = ${id}`);
    },
    async claim(id, { worker, leaseMs }) {
      const [claimed] = await rows(sql`update fine_tunings set worker = ${worker}, heard_at = now()
        where id = ${id} and ended_at is null and (worker is null or worker = ${worker}
          or heard_at < now() - ${leaseMs} * interval '1 millisecond') returning *`);
      return claimed;
    },
    async release(id, worker) {
      await rows(sql`update fine_tunings set worker = null where id = ${id} and worker = ${worker}`);
    },
    async beat(id, worker) {
      const beaten = await rows(sql`update fine_tunings set heard_at = now() where ${mine(id, worker)} returning *`);
      return beaten.length > 0;
    },
    async save(id, worker, progress) {
      const [saved] = await rows(sql`update fine_tunings set heard_at = now(), status = ${progress.status},
        data_set = ${jsonOf(progress.dataSet)}, credential = ${progress.credential ?? null},
        upload_begun_at = ${dateOf(progress.uploadBegunAt)}, upstream_file = ${progress.upstreamFile ?? null},
        upstream_validation_file = ${progress.upstreamValidationFile ?? null},
        create_begun_at = ${dateOf(progress.createBegunAt)}, upstream_id = ${progress.upstreamId ?? null},
        upstream = ${jsonOf(progress.upstream)}, trouble = ${jsonOf(progress.trouble)}
        where ${mine(id, worker)} returning *`);
      return saved;
    },
    async end(id, worker, { status, error, model }) {
      return guarded(() =>
        db.kysely.transaction().execute(async (transaction) => {
          const ended = await sql<FineTuningRow>`update fine_tunings set status = ${status}, error = ${jsonOf(error)},
            fine_tuned_model = ${model ?? null}, trouble = null, heard_at = now(), ended_at = now()
            where ${mine(id, worker)} returning *`.execute(transaction);
          const [row] = ended.rows;
          if (row === undefined) return false;
          if (status === 'succeeded' && model !== undefined) {
            await sql`insert into registered_models (provider, name, base_model, fine_tuning_id, owner)
              values (${row.provider}, ${model}, ${row.model}, ${id}, ${row.owner}) on conflict do nothing`.execute(
              transaction,
            );
          }
          return true;
        }),
      );
    },
    addEvents: async (id, events) => add('fine_tuning_events', id, events),
    events: async (id, page) => entries<FineTuningEvent>('fine_tuning_events', id, page),
    addCheckpoints: async (id, checkpoints) => add('fine_tuning_checkpoints', id, checkpoints),
    checkpoints: async (id, page) => entries<FineTuningCheckpoint>('fine_tuning_checkpoints', id, page),
    async takeUnheard({ before, limit }) {
      return rows(sql`update fine_tunings set heard_at = now() where id in
        (select id from fine_tunings where ended_at is null and heard_at < ${new Date(before)}
          order by heard_at limit ${limit} for update skip locked) returning *`);
    },
  };
}

/** PostgreSQL's JSON holds no NUL and no half surrogate, neither do the names in it. */
function jsonOf(value: unknown): string | null {
  if (value === undefined) return null;
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'string') return storableText(part);
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([name, own]) => [storableText(name), own]));
  });
}

function dateOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}
