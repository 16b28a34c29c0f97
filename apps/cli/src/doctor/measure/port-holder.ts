import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { sendHttpRequest } from '../../client/http-request.js';
import { serverAddress } from '../../server-address.js';

/** Whether a server could listen here; the port is given back at once. @returns the system's code where not */
export async function tryToListen(options: {
  readonly host: string;
  readonly port: number;
}): Promise<string | undefined> {
  const server = createServer();
  try {
    return await new Promise<string | undefined>((resolve) => {
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
      server.listen({ ...options, exclusive: true }, () => resolve(undefined));
    });
  } finally {
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** The next port above that is free. */
export async function freePortAfter({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  for (let candidate = port + 1; candidate < Math.min(port + 50, 65_536); candidate += 1) {
    if ((await tryToListen({ host, port: candidate })) === undefined) return candidate;
  }
  return 0;
}

/** Who listens at a port, as far as it can be seen: `node (process 123)`, `an HTTP server (nginx)`. */
export async function portHolder(options: { readonly host: string; readonly port: number }): Promise<string> {
  const [answer, owner] = [await greet(options), ownerOf(options.port)];
  return [owner, answer].filter((part) => part !== undefined).join(', ') || 'another process';
}

const GREET_MS = 500;

async function greet(options: { readonly host: string; readonly port: number }): Promise<string | undefined> {
  try {
    const answer = await sendHttpRequest({
      url: `${serverAddress(options)}/health`,
      signal: AbortSignal.timeout(GREET_MS),
    });
    const text = await answer.text(65_536);
    if (/"process":\s*\{/.test(text) && answer.header('x-request-id') !== undefined) return 'a MoltBot';
    const server = answer
      .header('server')
      ?.replace(/[^\x20-\x7e]/g, '?')
      .slice(0, 60);
    return `an HTTP server${server === undefined ? '' : ` (${server})`}`;
  } catch {
    return undefined;
  }
}

const LISTENS = '0A';

/** Linux only: /proc says which socket listens, and whose it is where we may look (proc_net(5), proc_pid_fd(5)). */
function ownerOf(port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  try {
    const inodes = new Set(
      ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
        readFileSync(file, 'latin1')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter((fields) => fields[1]?.endsWith(`:${hex}`) === true && fields[3] === LISTENS)
          .map((fields) => `socket:[${fields[9]}]`),
      ),
    );
    const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && holdsOneOf(name, inodes));
    return pid === undefined ? undefined : `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (process ${pid})`;
  } catch {
    return undefined;
  }
}

function holdsOneOf(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(linkOf(`/proc/${pid}/fd/${fd}`)));
  } catch {
    // Somebody else's process.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
