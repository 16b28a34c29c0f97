import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { formatRefreshOrder, type RefreshOrder } from './refresh-order.js';

export interface SpawnRefreshOptions {
  readonly order: RefreshOrder;
  /** Its whole environment: nothing secret. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: the one that was built beside this file. */
  readonly program?: string | undefined;
}

/** The same from `src` and from `dist`. */
const PROGRAM = fileURLToPath(new URL('../dist/refresh-process/main.js', import.meta.url));

/**
 * Has a process of its own carry out the order; see `refresh-process/main.ts`. Resolves when that has ended, however it did:
 * the record says what came of it. It goes on when this process is killed.
 * @throws where it could not be started: nothing was sent
 */
export async function spawnRefresh({ order, environment, program = PROGRAM }: SpawnRefreshOptions): Promise<void> {
  const child = spawn(process.execPath, [...trustFlags(process.execArgv), program], {
    // A session of its own: no signal to our process group, and no closing terminal, reaches it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: { ...environment },
    windowsHide: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve());
    // It may have ended already; its exit tells.
    child.stdin.on('error', () => {});
    child.stdin.end(formatRefreshOrder(order));
    child.unref();
  });
}

/** Flags of Node that say whom to trust in TLS; no others (a debugger's port, hooks) are for this process. */
const TRUST = /^--(?:use-(?:system|bundled|openssl)-ca|tls-[a-z0-9.-]+|openssl-[a-z-]+|force-fips|enable-fips)(?:=|$)/;

export function trustFlags(flags: readonly string[]): readonly string[] {
  return flags.filter((flag) => TRUST.test(flag));
}
