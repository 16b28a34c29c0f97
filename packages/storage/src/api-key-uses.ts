import type { Database, Statement } from './database.js';

const TOUCH: Statement = {
  name: 'moltbot_api_key_touch',
  text: `update api_keys set last_used_at = to_timestamp(used.at / 1000)
    from unnest($1::text[], $2::float8[]) as used (id, at)
    where api_keys.id = used.id and (last_used_at is null or last_used_at < to_timestamp(used.at / 1000))`,
};

/** Within this a key's uses are one: every request of a busy caller comes by here. */
const NOTE_EVERY_MS = 1_000;

export interface ApiKeyUses {
  readonly touch: (id: string) => void;
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** When keys were last used, written in batches behind the requests. */
export function createApiKeyUses(options: {
  readonly db: Database;
  readonly clock: () => number;
  readonly intervalMs: number;
  readonly onError: (error: unknown) => void;
}): ApiKeyUses {
  const { db, clock, intervalMs, onError } = options;
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
    timer = setTimeout(() => void flush(), intervalMs);
    timer.unref();
  }

  return {
    touch(id) {
      // People with a token of the organisation have no row here.
      if (noted.has(id) || !id.startsWith('key_')) return;
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
