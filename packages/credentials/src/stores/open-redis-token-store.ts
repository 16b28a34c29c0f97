import type { TokenRow, TokenStore } from '@moltbot/auth';
import type { Secret } from '@moltbot/contracts';
import type { RedisClient } from '@moltbot/redis';
import { checkId, checkWrite } from './check-row.js';
import { connectRedis, redisStoreError } from './redis-connection.js';
import { createRedisWriter } from './redis-writer.js';
import { createRowWatch, type RowPush, type RowStamps } from './row-watch.js';
import { createTimeLimit } from './time-limit.js';

export interface RedisTokenStoreOptions {
  /** A server, its sentinels or its cluster, as `parseRedisUrl` reads it. */
  readonly url: string | Secret;
  /** The hash of the rows; the channel has the same name. */
  readonly key?: string;
  readonly limitMs?: number;
  /** The server keeps writes in memory only (`appendonly no`): a restart of it would lose the tokens. Said once. */
  readonly onNotDurable?: () => void;
}

const KEY = 'moltbot:credential-tokens';
const LIMIT_MS = 2_000;
/** While writes are told by PUBLISH. */
const POLL_TOLD_MS = 2_000;
const POLL_UNTOLD_MS = 1_000;
const CHECK_MS = 2_000;

/** A row is `<version> <value>`, in one field: what is read is one write. */
const VERSIONS = `
local rows = redis.call('HGETALL', KEYS[1])
for index = 2, #rows, 2 do rows[index] = string.match(rows[index], '^%d+') end
return rows`;

/**
 * Rows of one hash, for processes of any number of machines; a write is one script. The server must keep an append-only file
 * (`appendonly yes`): from 7.2 on a write waits until it is on its disk (WAITAOF, up to a second with `appendfsync everysec`);
 * an older one may lose the last second when it crashes, unless `appendfsync always` is set.
 */
export function openRedisTokenStore(options: RedisTokenStoreOptions): TokenStore {
  const url = typeof options.url === 'string' ? options.url : options.url.reveal();
  const { key = KEY, limitMs = LIMIT_MS } = options;
  const limit = createTimeLimit({ limitMs, toError: redisStoreError, maxAbandoned: Number.POSITIVE_INFINITY });
  // The client gives up first: then it can also drop the connection.
  const connection = { url, limitMs: limitMs * 0.9 };
  const reader = connectRedis(connection);
  const writer = createRedisWriter({ connection, key, onNotDurable: options.onNotDurable ?? (() => {}) });
  let told = false;
  const watch = createRowWatch({
    snapshot: () => limit.run(snapshot),
    pollMs: () => (told ? POLL_TOLD_MS : POLL_UNTOLD_MS),
    connect: subscribe,
  });

  async function snapshot(): Promise<RowStamps> {
    const flat = (await reader.run((client) => client.eval(VERSIONS, 1, key))) as readonly string[];
    return new Map(inPairs(flat).map(([id, version]) => [id, Number(version)]));
  }

  function subscribe(push: RowPush): () => void {
    const stop = listenToRedis({
      connection,
      channel: key,
      changed: (id, version) => push.changed(id, version),
      heard: (heard) => {
        told = heard;
        push.rescan();
      },
    });
    return () => {
      told = false;
      stop();
    };
  }

  async function list(): Promise<ReadonlyMap<string, TokenRow>> {
    // As a flat list: an object would take `__proto__` for something else than an id.
    const flat = (await reader.run((client) =>
      client.eval(`return redis.call('HGETALL', KEYS[1])`, 1, key),
    )) as string[];
    return new Map(inPairs(flat).map(([id, text]) => [id, toRow(text)]));
  }

  return {
    async read(id) {
      checkId(id);
      const text = await limit.run(() => reader.run((client) => client.hget(key, id)));
      return text === null ? undefined : toRow(text);
    },
    async list() {
      return limit.run(list);
    },
    async compareAndSwap(id, version, value) {
      checkWrite({ id, version, value });
      return (await limit.run(() => writer.write({ id, version, value })))
        ? { version: version + 1, value }
        : undefined;
    },
    watch: (listener) => watch.watch(listener),
    async close() {
      watch.close();
      reader.close();
      writer.close();
    },
  };
}

interface RedisListener {
  readonly connection: { readonly url: string; readonly limitMs: number };
  readonly channel: string;
  readonly changed: (id: string, version: number) => void;
  /** Whether messages come from now on. */
  readonly heard: (heard: boolean) => void;
}

/** The client subscribes again whenever it has connected again. @returns stop */
function listenToRedis({ connection, channel, changed, heard }: RedisListener): () => void {
  const subscriber = connectRedis(connection);
  const { client } = subscriber;
  let stopped = false;
  let check: NodeJS.Timeout | undefined;

  async function ask(): Promise<void> {
    await subscriber.run((client) => client.ping()).catch(() => undefined);
    if (!stopped) check = setTimeout(() => void ask(), CHECK_MS).unref();
  }

  client.on('message', (_channel: string, message: string) => {
    const [, version, id] = /^(\d+) (.+)$/s.exec(message) ?? [];
    if (version !== undefined && id !== undefined) changed(id, Number(version));
  });
  client.on('ready', () => void begin(client));
  client.on('close', () => {
    if (!stopped) heard(false);
  });

  async function begin(client: RedisClient): Promise<void> {
    try {
      await client.subscribe(channel);
      if (!stopped) heard(true);
    } catch {
      // The connection broke again; or the user may not subscribe, and the looks remain.
    }
  }

  void ask();
  return () => {
    stopped = true;
    clearTimeout(check);
    subscriber.close();
  };
}

function inPairs(flat: readonly string[]): readonly (readonly [string, string])[] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[index * 2] ?? '', flat[index * 2 + 1] ?? '']);
}

function toRow(text: string): TokenRow {
  const space = text.indexOf(' ');
  return { version: Number(text.slice(0, space)), value: text.slice(space + 1) };
}
