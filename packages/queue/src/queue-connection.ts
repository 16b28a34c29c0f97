import { MoltbotError, type Secret } from '@moltbot/contracts';

/** Where the queue lives: a URL (`redis://`, `rediss://`, `postgres://`), or the parts of a PostgreSQL connection. */
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
      config: { ...rest, ...(password === undefined ? {} : { password: password.reveal() }) },
    };
  }
  const url = typeof connection.url === 'string' ? connection.url : connection.url.reveal();
  const scheme = /^([a-z]+):\/\//i.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'redis':
    case 'rediss':
      if (!URL.canParse(url)) break;
      return { kind: 'redis', url };
    case 'postgres':
    case 'postgresql':
      return { kind: 'postgres', config: { connectionString: url } };
    default:
  }
  throw new MoltbotError('config_invalid', '`queue.url`: expected a redis://, rediss:// or postgres:// URL', {
    param: 'queue.url',
  });
}
