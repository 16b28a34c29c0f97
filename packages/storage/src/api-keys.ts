import { randomBytes } from 'node:crypto';
import type { ApiKeyRow } from '@moltbot/auth';
import type { KeyLimits } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { type Kysely, sql, type UpdateObject } from 'kysely';
import {
  type ApiKeyChanges,
  type ApiKeyRecord,
  milliseconds,
  type NewApiKey,
  toColumns,
  toRecord,
} from './api-key-record.js';
import { createApiKeyUses } from './api-key-uses.js';
import type { Database } from './database.js';
import { guarded, isValueError } from './storage-error.js';
import type { Tables } from './tables.js';

/** Names one key that is not revoked: its id, or its name. */
export interface KeyChoice {
  readonly idOrName: string;
  /** Refuse what would leave no usable key with the scope `admin`. */
  readonly keepAnAdmin?: boolean;
}

export interface ApiKeyStore {
  /** @throws MoltbotError `invalid_request` (param `name`, `scopes`, `models`, `expires_at`): a name that is taken too */
  create(key: NewApiKey): Promise<ApiKeyRecord>;
  /** Newest first; the revoked ones too. A page of them begins behind the key with the id `after`. */
  list(page?: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly ApiKeyRecord[]>;
  /** Takes an id, of a revoked key too, or the name of a key that is not revoked. */
  find(idOrName: string): Promise<ApiKeyRecord | undefined>;
  /**
   * What is changed is in force everywhere within a second. @returns the key, or `undefined` where there is none to change
   * @throws MoltbotError `invalid_request`: as `create`, or 409 with param `force` for the last admin's key
   */
  update(choice: KeyChoice, changes: ApiKeyChanges): Promise<ApiKeyRecord | undefined>;
  /** The same key gets another secret; the one before is taken for `graceMs` more, the one before that no longer. */
  rotate(
    choice: KeyChoice,
    secret: { readonly hash: string; readonly prefix: string; readonly graceMs: number },
  ): Promise<ApiKeyRecord | undefined>;
  /** @throws MoltbotError `invalid_request` 409 with param `force` for the last admin's key */
  revoke(choice: KeyChoice | string): Promise<ApiKeyRecord | undefined>;
  /** For the verifier of `packages/auth`. */
  findByHash(hash: string): Promise<ApiKeyRow | undefined>;
  /** Another number after each change of any key, whoever made it. */
  version(): Promise<number>;
  /** Whether any key could be let in now. */
  hasUsable(): Promise<boolean>;
  /** Notes that the key was used now: free of cost, written in batches, lost with a crash. */
  touch(id: string): void;
  /** Writes what `touch` noted. Never rejects: it is tried again at the next interval. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface ApiKeyStoreOptions {
  readonly db: Database;
  /** Unix ms. */
  readonly clock?: () => number;
  readonly touchIntervalMs?: number;
  readonly onError?: (error: unknown) => void;
}

const FIND = {
  name: 'moltbot_api_key_find',
  text: `select id, name, scopes, models, limits, expires_at, revoked_at, hash = $1 as current, previous_until
    from api_keys where hash = $1 or previous_hash = $1`,
};
const VERSION = { name: 'moltbot_api_keys_version', text: 'select version from api_keys_version' };

interface FoundRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: string[];
  readonly models: string[] | null;
  readonly limits: KeyLimits | null;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly current: boolean;
  readonly previous_until: Date | null;
}

export function createApiKeyStore(options: ApiKeyStoreOptions): ApiKeyStore {
  const { db } = options;
  const clock = options.clock ?? Date.now;
  const uses = createApiKeyUses({
    db,
    clock,
    intervalMs: options.touchIntervalMs ?? 10_000,
    onError: options.onError ?? (() => {}),
  });

  /** One change at a time: the check for an admin must see what the others did. */
  function inTurn<T>(change: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return guarded(() =>
      db.kysely.transaction().execute(async (transaction) => {
        await sql`select version from api_keys_version for update`.execute(transaction);
        return change(transaction);
      }),
    );
  }

  function change(
    { idOrName, keepAnAdmin = false }: KeyChoice,
    columns: UpdateObject<Tables, 'api_keys'>,
  ): Promise<ApiKeyRecord | undefined> {
    if (!isStorable(idOrName)) return Promise.resolve(undefined);
    return inTurn(async (transaction) => {
      const hadAdmin = keepAnAdmin && (await hasUsableKey(transaction, 'admin'));
      const row = await transaction
        .updateTable('api_keys')
        .set(columns)
        .where('revoked_at', 'is', null)
        .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName)]))
        .returningAll()
        .executeTakeFirst();
      if (row !== undefined && hadAdmin && !(await hasUsableKey(transaction, 'admin'))) throw lastAdmin();
      return row === undefined ? undefined : toRecord(row);
    });
  }

  async function hasUsableKey(kysely: Kysely<Tables>, scope?: string): Promise<boolean> {
    const row = await kysely
      .selectFrom('api_keys')
      .select('id')
      .where('revoked_at', 'is', null)
      .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', new Date(clock()))]))
      .$if(scope !== undefined, (query) => query.where(sql<boolean>`${scope} = any(scopes)`))
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  return {
    async create({ hash, prefix, scopes = [], ...rest }) {
      const columns = toColumns({ scopes, ...rest });
      const values = { id: `key_${randomBytes(6).toString('hex')}`, hash, prefix, scopes: [], name: '', ...columns };
      return orNameTaken(values.name, () =>
        inTurn(async (transaction) =>
          toRecord(await transaction.insertInto('api_keys').values(values).returningAll().executeTakeFirstOrThrow()),
        ),
      );
    },

    async list({ limit, after }: { limit?: number; after?: string | undefined } = {}) {
      if (after !== undefined && !isStorable(after)) return [];
      let query = db.kysely.selectFrom('api_keys').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc');
      if (limit !== undefined) query = query.limit(limit);
      if (after !== undefined) {
        query = query.where(
          sql<boolean>`(created_at, id) < (select last.created_at, last.id from api_keys last where last.id = ${after})`,
        );
      }
      return (await guarded(() => query.execute())).map(toRecord);
    },

    async find(idOrName) {
      if (!isStorable(idOrName)) return undefined;
      const row = await guarded(() =>
        db.kysely
          .selectFrom('api_keys')
          .selectAll()
          .where((where) =>
            where.or([
              where('id', '=', idOrName),
              where.and([where('name', '=', idOrName), where('revoked_at', 'is', null)]),
            ]),
          )
          .executeTakeFirst(),
      );
      return row === undefined ? undefined : toRecord(row);
    },

    async update(choice, changes) {
      const columns = toColumns(changes);
      if (Object.keys(columns).length === 0) {
        throw new MoltbotError('invalid_request', 'There is nothing to change: name what shall be changed.');
      }
      return orNameTaken(columns.name ?? '', () => change(choice, columns));
    },

    rotate(choice, { hash, prefix, graceMs }) {
      const now = clock();
      return change(choice, {
        hash,
        prefix,
        rotated_at: new Date(now),
        previous_hash: graceMs > 0 ? sql<string>`hash` : null,
        previous_until: graceMs > 0 ? new Date(now + graceMs) : null,
      });
    },

    revoke(choice) {
      return change(typeof choice === 'string' ? { idOrName: choice } : choice, { revoked_at: new Date(clock()) });
    },

    async findByHash(hash) {
      const [row] = await db.run<FoundRow>(FIND, [hash]);
      if (row === undefined) return undefined;
      const { id, name, scopes } = row;
      const ends = [row.expires_at, row.current ? null : row.previous_until].flatMap(
        (date) => milliseconds(date) ?? [],
      );
      return {
        id,
        name,
        hash,
        scopes,
        models: row.models ?? undefined,
        limits: row.limits ?? undefined,
        expiresAt: ends.length === 0 ? undefined : Math.min(...ends),
        revokedAt: milliseconds(row.revoked_at),
      };
    },

    async version() {
      const [row] = await db.run<{ version: number }>(VERSION, []);
      return row?.version ?? 0;
    },

    hasUsable: () => guarded(() => hasUsableKey(db.kysely)),
    touch: uses.touch,
    flush: uses.flush,
    close: uses.close,
  };
}

/** Others are nobody's name, and an error to PostgreSQL. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

async function orNameTaken<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isValueError(error)) throw error;
    throw new MoltbotError('invalid_request', `There is a key named ${JSON.stringify(name)} already.`, {
      param: 'name',
      cause: error,
    });
  }
}

function lastAdmin(): MoltbotError {
  return new MoltbotError(
    'invalid_request',
    'This is the last usable key with the scope `admin`: nobody could look after the server by its API. Say `?force=true` if that is meant.',
    { param: 'force', http: 409 },
  );
}
