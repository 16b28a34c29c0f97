import { sql } from 'kysely';
import type { Database } from './database.js';
import { guarded } from './storage-error.js';

/** A caller's file; its bytes are in the object store. Times are Unix ms. */
export interface FileRecord {
  /** `file-` and 24 hex digits. */
  readonly id: string;
  /** Id of the key that brought it; undefined where access was open. */
  readonly owner: string | undefined;
  readonly purpose: string;
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string | undefined;
  readonly objectKey: string;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
}

export interface NewFile {
  readonly id: string;
  readonly owner: string | undefined;
  readonly objectKey: string;
}

/** What is known of an upload when its last byte has come. */
export interface FinishedFile {
  readonly purpose: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string | undefined;
  /** Unix ms. */
  readonly expiresAt: number | undefined;
}

export interface FileList {
  /** Only this owner's; everybody's where not set. */
  readonly owner?: string | undefined;
  readonly purpose?: string | undefined;
  /** The id that the page before ended with. */
  readonly after?: string | undefined;
  readonly order: 'asc' | 'desc';
  readonly limit: number;
}

/** The rows of files. A file is seen once it is finished, and no more once its deletion has begun. */
export interface FileStore {
  /** Before the first byte: whatever becomes of the upload, `due` finds what it has left behind. */
  begin(file: NewFile): Promise<void>;
  finish(id: string, file: FinishedFile): Promise<FileRecord>;
  find(id: string, options?: { readonly owner?: string | undefined }): Promise<FileRecord | undefined>;
  list(options: FileList): Promise<readonly FileRecord[]>;
  /** Hides it; its bytes are deleted next, then `drop` forgets it. @returns undefined where there is none, or not this owner's */
  beginDelete(id: string, options?: { readonly owner?: string | undefined }): Promise<FileRecord | undefined>;
  drop(id: string): Promise<void>;
  /** Expired ones, uploads that never ended (`uploadsBefore`, Unix ms) and deletions that were cut short. */
  due(options: { readonly uploadsBefore: number; readonly limit: number }): Promise<readonly FileRecord[]>;
}

interface FileRow {
  readonly id: string;
  readonly owner: string | null;
  readonly purpose: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string | null;
  readonly object_key: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
}

/** @throws MoltbotError `storage_unavailable` from each of them */
export function createFileStore({ db }: { readonly db: Database }): FileStore {
  async function rows(query: ReturnType<typeof sql<FileRow>>): Promise<readonly FileRecord[]> {
    const result = await guarded(() => query.execute(db.kysely));
    return result.rows.map(toFile);
  }
  const live = sql`state = 'ready' and (expires_at is null or expires_at > now())`;
  const ownedBy = (owner: string | undefined) => (owner === undefined ? sql`true` : sql`owner = ${owner}`);

  return {
    async begin({ id, owner, objectKey }) {
      await rows(sql`insert into files (id, owner, purpose, name, object_key, state)
        values (${id}, ${owner ?? null}, '', '', ${objectKey}, 'uploading')`);
    },
    async finish(id, file) {
      const expires = file.expiresAt === undefined ? null : new Date(file.expiresAt);
      const [found] = await rows(sql`update files set state = 'ready', purpose = ${file.purpose}, name = ${file.name},
        bytes = ${file.bytes}, sha256 = ${file.sha256 ?? null}, expires_at = ${expires}
        where id = ${id} and state = 'uploading' returning *`);
      if (found === undefined) throw new Error(`the row of the upload ${id} is gone`);
      return found;
    },
    async find(id, { owner } = {}) {
      const [found] = await rows(sql`select * from files where id = ${id} and ${live} and ${ownedBy(owner)}`);
      return found;
    },
    async list({ owner, purpose, after, order, limit }) {
      const ofPurpose = purpose === undefined ? sql`true` : sql`purpose = ${purpose}`;
      const behind = sql`(select seq from files where id = ${after ?? ''})`;
      const from = after === undefined ? sql`true` : order === 'asc' ? sql`seq > ${behind}` : sql`seq < ${behind}`;
      return rows(sql`select * from files where ${live} and ${ownedBy(owner)} and ${ofPurpose} and ${from}
        order by seq ${order === 'asc' ? sql`asc` : sql`desc`} limit ${limit}`);
    },
    async beginDelete(id, { owner } = {}) {
      const [found] = await rows(sql`update files set state = 'deleting'
        where id = ${id} and state <> 'deleting' and ${ownedBy(owner)} returning *`);
      return found;
    },
    async drop(id) {
      await rows(sql`delete from files where id = ${id}`);
    },
    async due({ uploadsBefore, limit }) {
      return rows(sql`select * from files where expires_at <= now() or state = 'deleting'
        or (state = 'uploading' and created_at < ${new Date(uploadsBefore)}) order by seq limit ${limit}`);
    },
  };
}

function toFile(row: FileRow): FileRecord {
  return {
    id: row.id,
    owner: row.owner ?? undefined,
    purpose: row.purpose,
    name: row.name,
    bytes: row.bytes,
    sha256: row.sha256 ?? undefined,
    objectKey: row.object_key,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at?.getTime(),
  };
}
