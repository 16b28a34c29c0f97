import { isCluster, onReplica, parseRedisUrl, type RedisClient } from '@moltbot/redis';
import { connectRedis, type RedisConnection, type RedisConnectionOptions } from './redis-connection.js';

export interface RedisWriterOptions {
  readonly connection: RedisConnectionOptions;
  readonly key: string;
  readonly onNotDurable: () => void;
}

export interface RedisWriter {
  /** @returns whether the row still had `version` */
  write(row: { readonly id: string; readonly version: number; readonly value: string }): Promise<boolean>;
  close(): void;
}

const COMPARE_AND_SWAP = `
local row = redis.call('HGET', KEYS[1], ARGV[1])
local version = row and string.match(row, '^%d+') or '0'
if version ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. ARGV[4])
redis.call('PUBLISH', KEYS[1], ARGV[3] .. ' ' .. ARGV[1])
return 1`;

/** More wait for one another: a process seldom has two refreshes at once. */
const MAX_CONNECTIONS = 4;
/** Of the time that a command may take. */
const WAIT_SHARE = 0.6;
const REPLICA_SHARE = 0.2;
/** Before 7.2 (also by a proxy that does not know it), with `appendonly no`, or not allowed to this user. */
const NO_WAITAOF = /unknown command|appendonly is disabled|^NOPERM/i;

/**
 * WAITAOF holds up everything else of its connection until the server's disk has all that this connection wrote: so a write
 * has a connection for itself, and reads have another.
 */
export function createRedisWriter({ connection, key, onNotDurable }: RedisWriterOptions): RedisWriter {
  const all: RedisConnection[] = [];
  const idle: RedisConnection[] = [];
  const waiting: ((connection: RedisConnection) => void)[] = [];
  const replicated = parseRedisUrl(connection.url)?.kind !== 'single';
  let canWait = true;
  let checked = false;

  function take(): RedisConnection | Promise<RedisConnection> {
    const free = idle.pop();
    if (free !== undefined) return free;
    if (all.length >= MAX_CONNECTIONS) return waitForTurn();
    const made = connectRedis(connection);
    all.push(made);
    return made;
  }

  /** What was given up in the meantime must not be written when the server is back. */
  function waitForTurn(): Promise<RedisConnection> {
    return new Promise((resolve, reject) => {
      const turn = (free: RedisConnection) => {
        clearTimeout(timer);
        resolve(free);
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(turn), 1);
        reject(new Error('Other writes took too long'));
      }, connection.limitMs);
      waiting.push(turn);
    });
  }

  function giveBack(free: RedisConnection): void {
    const next = waiting.shift();
    if (next === undefined) idle.push(free);
    else next(free);
  }

  async function waitForDisk(client: RedisClient): Promise<void> {
    if (!canWait) return;
    try {
      // Of a cluster, the nodes that this connection wrote to; the others have nothing to wait for.
      const nodes = isCluster(client) ? client.nodes('master') : [client];
      const withinMs = Math.floor(connection.limitMs * WAIT_SHARE);
      const replies = await Promise.all(nodes.map(async (node) => node.call('WAITAOF', 1, 0, withinMs)));
      if (replies.some((reply) => Array.isArray(reply) && Number(reply[0]) < 1)) {
        throw new Error('The disk of the server took too long');
      }
    } catch (error) {
      if (!NO_WAITAOF.test(error instanceof Error ? error.message : '')) throw error;
      canWait = false;
    }
  }

  /** Older servers than 7.2 tell it here only; a user that may not ask learns nothing. */
  async function checkOnce(client: RedisClient): Promise<void> {
    if (checked) return;
    checked = true;
    const text = await client.info('persistence').catch(() => '');
    if (/^aof_enabled:0/m.test(text)) onNotDurable();
  }

  return {
    async write({ id, version, value }) {
      const taken = await take();
      try {
        return await taken.run(async (client) => {
          await checkOnce(client);
          const written = await client.eval(COMPARE_AND_SWAP, 1, key, id, String(version), String(version + 1), value);
          if (written !== 1) return false;
          await waitForDisk(client);
          // What only the primary has is lost when another takes over; where there is no replica nobody can.
          if (replicated) await onReplica(client, Math.floor(connection.limitMs * REPLICA_SHARE));
          return true;
        });
      } finally {
        giveBack(taken);
      }
    },
    close() {
      for (const connection of all) connection.close();
    },
  };
}
