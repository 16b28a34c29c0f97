import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import pg from 'pg';

export interface TokenRowListener {
  readonly changed: (id: string, version: number) => void;
  /** From now on every write is told, as long as `lost` is not called: what was written before may have been missed. */
  readonly begun: () => void;
  readonly lost: () => void;
}

export interface ListenOptions {
  /** With limits on the time to connect and to answer. */
  readonly config: pg.ClientConfig;
  readonly channel: string;
  readonly listener: TokenRowListener;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** A connection may be dead without a word (a machine that is gone, a router that forgot it). */
const CHECK_EVERY_MS = 2_000;

/**
 * LISTEN over a connection of its own, made again whenever it breaks. Only a message that came back to us proves that
 * messages come at all: a pooler between us and the server may swallow them. @returns stop
 */
export function listenToTokenRows(options: ListenOptions): () => void {
  const { listener } = options;
  let retryMs = FIRST_RETRY_MS;
  let timer: NodeJS.Timeout | undefined;
  let hangUp = () => {};
  let stopped = false;

  function connect(): void {
    let begun = false;
    hangUp = openListener({
      ...options,
      listener: {
        changed: listener.changed,
        begun: () => {
          begun = true;
          retryMs = FIRST_RETRY_MS;
          listener.begun();
        },
        lost: () => {
          if (stopped) return;
          if (begun) listener.lost();
          timer = setTimeout(connect, retryMs).unref();
          retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
        },
      },
    });
  }

  connect();
  return () => {
    stopped = true;
    clearTimeout(timer);
    hangUp();
  };
}

/** One connection. Calls `lost` once, when it has ended or could not be made. @returns hang up */
function openListener({ config, channel, listener }: ListenOptions): () => void {
  const socket = new Socket();
  const client = new pg.Client({ ...config, stream: () => socket });
  const proof = `proof ${randomUUID()}`;
  let check: NodeJS.Timeout | undefined;
  let ended = false;

  function end(): void {
    if (ended) return;
    ended = true;
    clearTimeout(check);
    // `client.end` would wait for a server that hangs.
    socket.destroy();
    listener.lost();
  }

  async function ask(): Promise<void> {
    await client.query('select 1');
    if (!ended) check = setTimeout(() => void ask().catch(end), CHECK_EVERY_MS).unref();
  }

  async function begin(): Promise<void> {
    await client.connect();
    await client.query(`listen ${channel}`);
    await client.query('select pg_notify($1, $2)', [channel, proof]);
    await ask();
  }

  client.on('error', end);
  client.on('end', end);
  client.on('notification', ({ payload = '' }) => {
    if (ended) return;
    if (payload === proof) {
      listener.begun();
      return;
    }
    const [, version, id] = /^(\d+) (.+)$/s.exec(payload) ?? [];
    if (version !== undefined && id !== undefined) listener.changed(id, Number(version));
  });
  begin().catch(end);
  return end;
}
