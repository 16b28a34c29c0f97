import { MoltbotError } from '@moltbot/contracts';
import { connectRedis as connectClient, type RedisClient, type RedisClientOptions } from '@moltbot/redis';
import * as library from 'ioredis';

export interface RedisConnectionOptions {
  readonly url: string;
  readonly limitMs: number;
}

/** A client that never waits longer than the limit, never sends a command twice, and keeps none for later. */
export interface RedisConnection {
  readonly client: RedisClient;
  /** @throws what the client throws, and `Error` where it is not connected within the limit */
  run<Value>(command: (client: RedisClient) => Promise<Value>): Promise<Value>;
  close(): void;
}

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;

export function connectRedis({ url, limitMs }: RedisConnectionOptions): RedisConnection {
  const options: RedisClientOptions = {
    connectTimeout: limitMs,
    commandTimeout: limitMs,
    disconnectTimeout: 200,
    enableOfflineQueue: false,
    // A write that is sent again would find its own first one, and say that another was faster.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(FIRST_RETRY_MS * 2 ** Math.min(times, 10), LAST_RETRY_MS),
    connectionName: 'moltbot-credentials',
    lazyConnect: true,
  };
  const client = connectClient({ library, url, options });
  client.on('error', () => {});

  async function run<Value>(command: (client: RedisClient) => Promise<Value>): Promise<Value> {
    await whenReady(client, limitMs);
    try {
      return await command(client);
    } catch (error) {
      // The connection may be dead without a word; another finds out.
      if (isTimeout(error)) client.disconnect(true);
      throw error;
    }
  }

  return { client, run, close: () => client.disconnect() };
}

/** The connection is made when it is first asked for; where one broke, the next attempt is waited for. */
async function whenReady(client: RedisClient, limitMs: number): Promise<void> {
  if (client.status === 'ready') return;
  if (client.status === 'end') throw new Error('the connection was closed');
  if (client.status === 'wait') client.connect().catch(() => undefined);
  await new Promise<void>((resolve, reject) => {
    const finish = (error?: Error) => {
      clearTimeout(timer);
      client.off('ready', ready);
      client.off('end', ended);
      client.off('error', remember);
      if (error === undefined) resolve();
      else reject(error);
    };
    let last: Error | undefined;
    const ready = () => finish();
    const ended = () => finish(new Error('the connection was closed'));
    const remember = (error: Error) => {
      last = error;
    };
    const timer = setTimeout(() => finish(last ?? new Error('Connection timed out')), limitMs);
    client.on('ready', ready);
    client.on('end', ended);
    client.on('error', remember);
  });
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && /timed out/i.test(error.message);
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^(NOAUTH|WRONGPASS|NOPERM)|invalid password/i, 'refused the password, or the user may not do this'],
  [/^READONLY/, 'is a replica that takes no writes'],
  [/^OOM/, 'has no memory left'],
  [/^LOADING/, 'is still reading its data'],
  [/^MISCONF/, 'can’t write to its disk'],
];

/** Without the client's own error: that holds the command with its arguments, which may be a password. */
export function redisStoreError(error: unknown): MoltbotError {
  if (error instanceof MoltbotError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const reason = REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? 'does not answer';
  return new MoltbotError('token_store_unavailable', `The Redis of \`credentials.store\` ${reason}.`, {
    cause: new Error(text),
  });
}
