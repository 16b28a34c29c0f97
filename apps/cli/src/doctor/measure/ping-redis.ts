import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What a Redis said of itself; `problem`: what it said instead, or the system's code. Never holds a login. */
export type RedisAnswer =
  | { readonly problem: undefined; readonly version: string; readonly ms: number }
  | { readonly problem: string };

const MAX_ANSWER = 65_536;

/** One connection, AUTH where the URL has a login, PING, INFO. Bounded by `signal`; never rejects. */
export async function pingRedis(options: { readonly url: string; readonly signal: AbortSignal }): Promise<RedisAnswer> {
  const url = new URL(options.url);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? 6_379 : Number(url.port);
  const socket: Socket =
    url.protocol === 'rediss:' ? connectTls({ host, port, servername: host }) : connect({ host, port });
  const began = performance.now();
  try {
    await once(socket, url.protocol === 'rediss:' ? 'secureConnect' : 'connect', { signal: options.signal });
    const login = [url.username, url.password].map(decodeURIComponent).filter((part) => part !== '');
    const commands = [...(login.length > 0 ? [['AUTH', ...login]] : []), ['PING'], ['INFO', 'server']];
    socket.write(commands.map(command).join(''));
    const text = await readUntil(socket, /redis_version:[^\r\n]+\r\n|^-[^\r\n]*\r\n/m, options.signal);
    const refusal = /^-([^\r\n]*)/m.exec(text)?.[1];
    // `NOAUTH …`, `WRONGPASS …`, `LOADING …`: the first word is the code.
    if (refusal !== undefined) return { problem: printable(refusal.split(' ')[0] ?? 'ERR') };
    const version = /redis_version:([^\r\n]+)/.exec(text)?.[1] ?? '?';
    return { problem: undefined, version: printable(version), ms: Math.round(performance.now() - began) };
  } catch (error) {
    if (options.signal.aborted) return { problem: 'ETIMEDOUT' };
    const { code } = error as NodeJS.ErrnoException;
    return { problem: code ?? 'no Redis answers there' };
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

/** RESP2: an array of bulk strings. */
function command(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

async function readUntil(socket: Socket, pattern: RegExp, signal: AbortSignal): Promise<string> {
  let text = '';
  const ended = once(socket, 'close', { signal }).then(() => {
    throw Object.assign(new Error('closed'), { code: 'ECONNRESET' });
  });
  ended.catch(() => undefined);
  while (!pattern.test(text)) {
    const [piece] = (await Promise.race([once(socket, 'data', { signal }), ended])) as [Buffer];
    text += piece.toString('latin1');
    // A Redis says its version early; whoever talks this much without is another server.
    if (text.length > MAX_ANSWER || text.startsWith('HTTP/')) throw new Error('no Redis');
  }
  return text;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
