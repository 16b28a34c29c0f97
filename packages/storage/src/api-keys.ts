import { randomBytes } from 'node:crypto';
import type { ApiKeyRow } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import type { Selectable } from 'kysely';
import type { Database } from './database.js';
import { guarded, isValueError } from './storage-error.js';
import type { ApiKeysTable } from './tables.js';

/** A key as it is listed; the key itself is nowhere. Times are Unix ms. */
export interface ApiKeyRecord {
  /** `key_` and 12 hex digits. */
  readonly id: string;
  readonly name: string;
  /** Its first characters (`mb_4fT0aQ`). */
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
  readonly revokedAt?: number | undefined;
  /** Up to a few seconds behind. */
  readonly lastUsedAt?: number | undefined;
}

export interface NewApiKey {
  /** Unique among the keys that are not revoked; 1 to 100 characters. */
  readonly name: string;
  /** `hash` and `prefix` of auth's `generateApiKey`. */
  readonly hash: string;
  readonly prefix: string;
  readonly scopes?: readonly string[];
  readonly expiresAt?: number | undefined;
}

export interface ApiKeyStore {
  /** @throws MoltbotError `invalid_request` (param `name`) where the name is taken or no name */
  create(key: NewApiKey): Promise<ApiKeyRecord>;
  /** Newest first; the revoked ones too. */
  list(): Promise<readonly ApiKeyRecord[]>;
  /** Takes an id or the name of a key that is not revoked. @returns the key, or `undefined` where there is none */
  revoke(idOrName: string): Promise<ApiKeyRecord | undefined>;
  /** For the verifier of `packages/auth`. */
  findByHash(hash: string): Promise<ApiKeyRow | undefined>;
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
  text: 'select id, name, hash, scopes, expires_at, revoked_at from api_keys where hash = $1',
};
const TOUCH = {
  name: 'moltbot_api_key_touch',
  text: `update api_keys set last_used_at = to_timestamp(used.at / 1000)
    from unnest($1::text[], $2::float8[]) as used (id, at)
    where api_keys.id = used.id and (last_used_at is null or last_used_at < to_timestamp(used.at / 1000))`,
};

/** Within this a key's uses are one: every request of a busy caller comes by here. */
const NOTE_EVERY_MS = 1_000;

const ID = /^key_[0-9a-f]{12}$/;

export function createApiKeyStore(options: ApiKeyStoreOptions): ApiKeyStore {
  const { db } = options;
  const { kysely } = db;
  const clock = options.clock ?? Date.now;
  const touchIntervalMs = options.touchIntervalMs ?? 10_000;
  const onError = options.onError ?? (() => {});
  const touched = new Map<string, number>();
  const noted = new Set<string>();
  let noting: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (touched.size === 0) return;
    const batch = [...touched];
    touched.clear();
    noted.clear();
    try {
      await db.run(TOUCH, [batch.map(([id]) => id), batch.map(([, at]) => at)]);
    } catch (error) {
      for (const [id, at] of batch) if (!touched.has(id)) touched.set(id, at);
      arm();
      onError(error);
    }
  }

  function arm(): void {
    if (timer !== undefined || closed) return;
    timer = setTimeout(() => void flush(), touchIntervalMs);
    timer.unref();
  }

  return {
    async create(key) {
      const name = key.name.trim();
      if (name === '' || name.length > 100 || name.includes('\0') || ID.test(name)) {
        throw new MoltbotError(
          'invalid_request',
          'The name of a key has 1 to 100 characters and does not look like the id of a key.',
          { param: 'name' },
        );
      }
      const values = {
        id: `key_${randomBytes(6).toString('hex')}`,
        name,
        hash: key.hash,
        prefix: key.prefix,
        scopes: [...(key.scopes ?? [])],
        expires_at: key.expiresAt === undefined ? null : new Date(key.expiresAt),
      };
      try {
        const row = await guarded(() =>
          kysely.insertInto('api_keys').values(values).returningAll().executeTakeFirstOrThrow(),
        );
        return toRecord(row);
      } catch (error) {
        if (!isValueError(error)) throw error;
        throw new MoltbotError('invalid_request', `There is a key named ${JSON.stringify(name)} already.`, {
          param: 'name',
          cause: error,
        });
      }
    },

    async list() {
      const rows = await guarded(() =>
        kysely.selectFrom('api_keys').selectAll().orderBy('created_at', 'desc').orderBy('id').execute(),
      );
      return rows.map(toRecord);
    },

    async revoke(idOrName) {
      if (idOrName.includes('\0')) return undefined;
      const row = await guarded(() =>
        kysely
          .updateTable('api_keys')
          .set({ revoked_at: new Date(clock()) })
          .where('revoked_at', 'is', null)
          .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName)]))
          .returningAll()
          .executeTakeFirst(),
      );
      return row === undefined ? undefined : toRecord(row);
    },

    async findByHash(hash) {
      const [row] = await db.run<Pick<Row, 'id' | 'name' | 'hash' | 'scopes' | 'expires_at' | 'revoked_at'>>(FIND, [
        hash,
      ]);
      if (row === undefined) return undefined;
      const { id, name, scopes } = row;
      return { id, name, hash: row.hash, scopes, expiresAt: ms(row.expires_at), revokedAt: ms(row.revoked_at) };
    },

    async hasUsable() {
      const row = await guarded(() =>
        kysely
          .selectFrom('api_keys')
          .select('id')
          .where('revoked_at', 'is', null)
          .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', new Date(clock()))]))
          .limit(1)
          .executeTakeFirst(),
      );
      return row !== undefined;
    },

    touch(id) {
      if (noted.has(id)) return;
      noted.add(id);
      noting ??= setTimeout(() => {
        noted.clear();
        noting = undefined;
      }, NOTE_EVERY_MS).unref();
      touched.set(id, clock());
      arm();
    },
    flush,
    async close() {
      closed = true;
      await flush();
      clearTimeout(timer);
      clearTimeout(noting);
    },
  };
}

type Row = Selectable<ApiKeysTable>;

function toRecord(row: Row): ApiKeyRecord {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    createdAt: row.created_at.getTime(),
    expiresAt: ms(row.expires_at),
    revokedAt: ms(row.revoked_at),
    lastUsedAt: ms(row.last_used_at),
  };
}

function ms(date: Date | null): number | undefined {
  return date === null ? undefined : date.getTime();
}
