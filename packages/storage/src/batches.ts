import { sql } from 'kysely';
import {
  type BatchEnd,
  type BatchError,
  type BatchRecord,
  type BatchRow,
  type BatchStatus,
  type NewBatch,
  toBatch,
} from './batch-record.js';
import type { Database } from './database.js';
import { guarded } from './storage-error.js';

/** What came of one line of a batch's input: a line of its output file or of its error file. */
export interface BatchResult {
  /** From 1. */
  readonly line: number;
  readonly kind: 'output' | 'error';
  /** One JSON object, without the line's end. */
  readonly content: string;
}

/** A file that a batch ends with; its bytes are in the object store already. */
export interface BatchFile {
  readonly id: string;
  readonly kind: 'output' | 'error';
  readonly objectKey: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string | undefined;
  /** Unix ms. */
  readonly expiresAt: number;
}

/** Batches and what they have answered so far. Each throws MoltbotError `storage_unavailable`. */
export interface BatchStore {
  /** @returns the one that was made under the same idempotency key before, else the new one */
  create(batch: NewBatch): Promise<BatchRecord>;
  find(id: string, options?: { readonly owner?: string | undefined }): Promise<BatchRecord | undefined>;
  /** Newest first. */
  list(options: {
    readonly owner?: string | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly BatchRecord[]>;
  /** Asks whoever works on it to stop. One that has ended stays as it is. */
  cancel(id: string, options?: { readonly owner?: string | undefined }): Promise<BatchRecord | undefined>;
  /** Forgets a batch that no job was made for. */
  drop(id: string): Promise<void>;

  /**
   * Takes it in charge, until nothing was heard for `leaseMs`: so nobody else sends its requests meanwhile.
   * @returns undefined where it has ended, or another worker has it
   */
  claim(id: string, options: { readonly worker: string; readonly leaseMs: number }): Promise<BatchRecord | undefined>;
  /** Another may have it at once. */
  release(id: string, worker: string): Promise<void>;
  /** The lines are counted: the work begins, or goes on. @returns undefined where it is not this worker's any more */
  begin(id: string, options: { readonly worker: string; readonly total: number }): Promise<BatchRecord | undefined>;
  /** Lines that have their result already. */
  answeredLines(id: string): Promise<readonly number[]>;
  /**
   * Keeps results, each line's first one only, and tells that the worker lives; also without any.
   * @returns how it stands now; undefined where it is not this worker's any more
   */
  save(
    id: string,
    options: { readonly worker: string; readonly results: readonly BatchResult[] },
  ): Promise<BatchStatus | undefined>;
  finalizing(id: string): Promise<void>;
  /** In the order of lines. */
  results(
    id: string,
    options: { readonly kind: 'output' | 'error'; readonly after: number; readonly limit: number },
  ): Promise<readonly BatchResult[]>;
  /** Ends it with its files, in one step. @returns false where somebody else has ended it: then these files belong to nobody */
  end(
    id: string,
    end: {
      readonly status: BatchEnd;
      readonly errors?: readonly BatchError[] | undefined;
      readonly files: readonly BatchFile[];
    },
  ): Promise<boolean>;

  /** Those that nobody has worked on since an instant (Unix ms); told of once, then only after as long again. */
  takeUnheard(options: { readonly before: number; readonly limit: number }): Promise<readonly BatchRecord[]>;
  /** Takes away what ended before an instant (Unix ms). @returns how many */
  deleteEnded(options: { readonly before: number; readonly limit: number }): Promise<number>;
}

const SAVE = {
  name: 'moltbot_batch_save',
  text: `with open as (select id from batches where id = $1 and worker = $3 and ended_at is null for update),
    fresh as (
      insert into batch_results (batch_id, line, kind, content)
      select open.id, given.line, given.kind, given.content
        from open, json_to_recordset($2::json) as given (line integer, kind text, content text)
      on conflict do nothing returning kind)
    update batches set heard_at = now(),
      completed = completed + (select count(*) from fresh where kind = 'output')::integer,
      failed = failed + (select count(*) from fresh where kind = 'error')::integer
    where id = (select id from open) returning status`,
};

export function createBatchStore({ db }: { readonly db: Database }): BatchStore {
  async function rows(query: ReturnType<typeof sql<BatchRow>>): Promise<readonly BatchRecord[]> {
    const result = await guarded(() => query.execute(db.kysely));
    return result.rows.map(toBatch);
  }
  const ownedBy = (owner: string | undefined) => (owner === undefined ? sql`true` : sql`owner = ${owner}`);

  return {
    async create(batch) {
      const [made] = await rows(sql`insert into batches (id, owner, caller, idempotency_key, request_hash, endpoint,
          input_file_id, input_key, completion_window, metadata, output_expires_ms, expires_at, status)
        values (${batch.id}, ${batch.owner ?? null}, ${jsonOf(batch.caller)}, ${batch.idempotencyKey ?? null},
          ${batch.requestHash}, ${batch.endpoint}, ${batch.inputFileId}, ${batch.inputKey}, ${batch.completionWindow},
          ${jsonOf(batch.metadata)}, ${batch.outputExpiresMs ?? null}, ${new Date(batch.expiresAt)}, 'validating')
        on conflict (coalesce(owner, ''), idempotency_key) where idempotency_key is not null do nothing returning *`);
      if (made !== undefined) return made;
      const [before] = await rows(sql`select * from batches
        where coalesce(owner, '') = ${batch.owner ?? ''} and idempotency_key = ${batch.idempotencyKey ?? ''}`);
      if (before === undefined) throw new Error('a batch of this key was there and is gone');
      return before;
    },
    async find(id, { owner } = {}) {
      const [found] = await rows(sql`select * from batches where id = ${id} and ${ownedBy(owner)}`);
      return found;
    },
    async list({ owner, after, limit }) {
      const from = after === undefined ? sql`true` : sql`seq < (select seq from batches where id = ${after})`;
      return rows(sql`select * from batches where ${ownedBy(owner)} and ${from} order by seq desc limit ${limit}`);
    },
    async cancel(id, { owner } = {}) {
      await rows(sql`update batches set status = 'cancelling', cancelling_at = now()
        where id = ${id} and ${ownedBy(owner)} and status in ('validating', 'in_progress')`);
      return this.find(id, { owner });
    },
    async drop(id) {
      await rows(sql`delete from batches where id = ${id}`);
    },
    async claim(id, { worker, leaseMs }) {
      const [claimed] = await rows(sql`update batches set worker = ${worker}, heard_at = now()
        where id = ${id} and ended_at is null and (worker is null or worker = ${worker}
          or heard_at < now() - ${leaseMs} * interval '1 millisecond') returning *`);
      return claimed;
    },
    async release(id, worker) {
      await rows(sql`update batches set worker = null where id = ${id} and worker = ${worker}`);
    },
    async begin(id, { worker, total }) {
      const [found] = await rows(sql`update batches set total = ${total}, heard_at = now(),
        status = case when status = 'validating' then 'in_progress' else status end,
        in_progress_at = coalesce(in_progress_at, now())
        where id = ${id} and worker = ${worker} and ended_at is null returning *`);
      return found;
    },
    async answeredLines(id) {
      const query = sql<{ line: number }>`select line from batch_results where batch_id = ${id}`;
      const found = await guarded(() => query.execute(db.kysely));
      return found.rows.map(({ line }) => line);
    },
    async save(id, { worker, results }) {
      const [row] = await db.run<{ status: BatchStatus }>(SAVE, [id, JSON.stringify(results), worker]);
      return row?.status;
    },
    async finalizing(id) {
      await rows(sql`update batches set heard_at = now(), finalizing_at = coalesce(finalizing_at, now()),
        status = case when status = 'in_progress' then 'finalizing' else status end
        where id = ${id} and ended_at is null`);
    },
    async results(id, { kind, after, limit }) {
      const query = sql<BatchResult>`select line, kind, content from batch_results
        where batch_id = ${id} and kind = ${kind} and line > ${after} order by line limit ${limit}`;
      const found = await guarded(() => query.execute(db.kysely));
      return found.rows;
    },
    async end(id, { status, errors, files }) {
      const ofKind = (kind: 'output' | 'error') => files.find((file) => file.kind === kind)?.id ?? null;
      return guarded(() =>
        db.kysely.transaction().execute(async (transaction) => {
          const ended = await sql<{ owner: string | null }>`update batches set status = ${status},
            errors = ${jsonOf(errors)}, output_file_id = ${ofKind('output')}, error_file_id = ${ofKind('error')},
            ended_at = now() where id = ${id} and ended_at is null returning owner`.execute(transaction);
          const [row] = ended.rows;
          if (row === undefined) return false;
          for (const file of files) {
            await sql`insert into files (id, owner, purpose, name, bytes, sha256, object_key, state, expires_at)
              values (${file.id}, ${row.owner}, 'batch_output', ${file.name}, ${file.bytes}, ${file.sha256 ?? null},
                ${file.objectKey}, 'ready', ${new Date(file.expiresAt)})
              on conflict (id) do update set state = 'ready', purpose = excluded.purpose, name = excluded.name,
                bytes = excluded.bytes, sha256 = excluded.sha256, expires_at = excluded.expires_at`.execute(
              transaction,
            );
          }
          await sql`delete from batch_results where batch_id = ${id}`.execute(transaction);
          return true;
        }),
      );
    },
    async takeUnheard({ before, limit }) {
      return rows(sql`update batches set heard_at = now() where id in
        (select id from batches where ended_at is null and heard_at < ${new Date(before)}
          order by heard_at limit ${limit} for update skip locked) returning *`);
    },
    async deleteEnded({ before, limit }) {
      const query = sql`delete from batches where id in
        (select id from batches where ended_at < ${new Date(before)} order by ended_at limit ${limit})`;
      const { numAffectedRows } = await guarded(() => query.execute(db.kysely));
      return Number(numAffectedRows ?? 0n);
    },
  };
}

function jsonOf(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
