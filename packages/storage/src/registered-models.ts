import { sql } from 'kysely';
import type { Database } from './database.js';
import type { RegisteredModel } from './fine-tuning-record.js';
import { guarded } from './storage-error.js';

/** Models that came of fine-tuning jobs here, as they were last seen in the database: asking it waits for nothing. */
export interface RegisteredModels {
  /** Names of a provider's, as it calls them. */
  of(provider: string): readonly string[];
  /** Looks now. Never rejects; where the database does not answer, what was known stays. */
  refresh(): Promise<void>;
  /** Looks where that was longer ago, and waits for it so long. Never rejects. */
  freshen(options: { readonly olderThanMs: number; readonly withinMs: number }): Promise<void>;
  close(): void;
}

const MOST = 20_000;
const NONE: readonly string[] = [];

interface Row {
  readonly provider: string;
  readonly name: string;
  readonly base_model: string;
  readonly fine_tuning_id: string;
  readonly created_at: Date;
}

/** The newest ones. @throws MoltbotError `storage_unavailable` */
export async function listRegisteredModels({ db }: { readonly db: Database }): Promise<readonly RegisteredModel[]> {
  const query = sql<Row>`select * from registered_models order by created_at desc limit ${MOST}`;
  const { rows } = await guarded(() => query.execute(db.kysely));
  return rows.map((row) => ({
    provider: row.provider,
    name: row.name,
    baseModel: row.base_model,
    fineTuningId: row.fine_tuning_id,
    createdAt: row.created_at.getTime(),
  }));
}

/** Looks every `everyMs`; does not keep the process alive. */
export function followRegisteredModels(options: {
  readonly list: () => Promise<readonly RegisteredModel[]>;
  readonly everyMs: number;
  readonly onError?: ((error: unknown) => void) | undefined;
}): RegisteredModels {
  const { list, everyMs, onError = () => {} } = options;
  let names = new Map<string, readonly string[]>();
  let looking: Promise<void> | undefined;
  let closed = false;
  let lookedAt = -Infinity;

  async function look(): Promise<void> {
    try {
      const began = performance.now();
      names = byProvider(await list());
      lookedAt = began;
    } catch (error) {
      if (!closed) onError(error);
    } finally {
      looking = undefined;
    }
  }

  const timer = setInterval(() => {
    looking ??= look();
  }, everyMs).unref();

  async function refresh(): Promise<void> {
    if (closed) return;
    // One that is under way may have read before the change that is looked for.
    await looking;
    looking ??= look();
    await looking;
  }

  return {
    of: (provider) => names.get(provider) ?? NONE,
    refresh,
    async freshen({ olderThanMs, withinMs }) {
      if (closed || performance.now() - lookedAt < olderThanMs) return;
      looking ??= look();
      const patience = Promise.withResolvers<void>();
      const late = setTimeout(patience.resolve, withinMs);
      await Promise.race([looking, patience.promise]);
      clearTimeout(late);
    },
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}

function byProvider(models: readonly RegisteredModel[]): Map<string, readonly string[]> {
  const grouped = Map.groupBy(models, ({ provider }) => provider);
  return new Map([...grouped].map(([provider, of]) => [provider, of.map(({ name }) => name)]));
}
