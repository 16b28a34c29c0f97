import { MoltbotError, type Secret } from '@moltbot/contracts';
import { isRedisUrl, parseRedisUrl } from '@moltbot/redis';

/** Where the queue lives: a URL (`redis://` in any form, `postgres://`), or the parts of a PostgreSQL connection. */
export type QueueConnection =
  | { readonly url: string | Secret }
  | {
      /** An address, or the folder of the server's socket. */
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly user: string;
      readonly password?: Secret | undefined;
    };

/** What pg takes. */
export interface PostgresTarget {
  readonly kind: 'postgres';
  readonly config: {
    readonly connectionString?: string;
    readonly host?: string;
    readonly port?: number;
    readonly database?: string;
    readonly user?: string;
    readonly password?: string;
    /** For the session, as `postgres -c`. */
    readonly options?: string;
  };
}

export interface RedisTarget {
  readonly kind: 'redis';
  readonly url: string;
}

/** @throws MoltbotError `config_invalid` for another scheme; the message holds no part of the URL's login */
export function toQueueTarget(connection: QueueConnection): RedisTarget | PostgresTarget {
  if (!('url' in connection)) {
    const { password, ...rest } = connection;
    return {
      kind: 'postgres',
      config: {
        ...rest,
        ...(password === undefined ? {} : { password: password.reveal() }),
        // The embedded server answers before it has written; a job that was accepted has to outlive its end.
        options: '-c synchronous_commit=on',
      },
    };
  }
  const url = typeof connection.url === 'string' ? connection.url : connection.url.reveal();
  const scheme = /^([a-z]+):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (isRedisUrl(url) && parseRedisUrl(url) !== undefined) return { kind: 'redis', url };
  switch (scheme) {
    case 'postgres':
    case 'postgresql':
      return { kind: 'postgres', config: fromPostgresUrl(url) };
    default:
  }
  throw new MoltbotError(
    'config_invalid',
    '`queue.url`: expected a redis://, redis+sentinel://, redis+cluster:// or postgres:// URL',
    {
      param: 'queue.url',
    },
  );
}

/** BullMQ chooses its schema by `options`, and pg lets those of the URL win: handed over beside it, both count. */
function fromPostgresUrl(url: string): PostgresTarget['config'] {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const options = parsed?.searchParams.get('options') ?? '';
  if (parsed === undefined || options === '') return { connectionString: url };
  parsed.searchParams.delete('options');
  return { connectionString: parsed.href, options };
}
