import { spawn } from 'node:child_process';
import type { Environment } from '@moltbot/config';

type Opener = readonly [program: string, ...args: string[]];

/** Programs that open an address in the person's browser, best first. The address is an argument of its own, never part of a command line. */
export function browserOpeners(options: {
  readonly url: string;
  readonly platform: NodeJS.Platform;
  readonly env: Environment;
}): readonly Opener[] {
  const { url, platform, env } = options;
  const windows: Opener = ['rundll32.exe', 'url.dll,FileProtocolHandler', url];
  switch (platform) {
    case 'darwin':
      return [['open', url]];
    case 'win32':
      return [windows];
    default:
      // In WSL the browser is Windows' own.
      if (env['WSL_DISTRO_NAME'] !== undefined) return [['wslview', url], windows, ['xdg-open', url]];
      return env['DISPLAY'] === undefined && env['WAYLAND_DISPLAY'] === undefined ? [] : [['xdg-open', url]];
  }
}

/** For a program that can't open anything to say so. */
const FAILS_WITHIN_MS = 1_500;

/**
 * Opens an http(s) address in the person's browser. Nobody has to have one: the address is always shown as well.
 * @returns whether a program took it
 */
export async function openBrowser(options: {
  readonly url: string;
  readonly env: Environment;
  readonly platform?: NodeJS.Platform;
  readonly openers?: readonly Opener[];
}): Promise<boolean> {
  const { url, env, platform = process.platform } = options;
  if (!/^https?:\/\//.test(url)) return false;
  for (const opener of options.openers ?? browserOpeners({ url, platform, env })) {
    if (await takes(opener)) return true;
  }
  return false;
}

/** It ended well, or still runs after a moment (some wait for the browser). */
async function takes([program, ...args]: Opener): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'ignore', detached: true, shell: false });
  child.unref();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(true), FAILS_WITHIN_MS);
  child.once('error', () => resolve(false));
  child.once('exit', (code) => resolve(code === 0));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    child.removeAllListeners();
    // A program that is not there raises its error only now.
    child.on('error', () => undefined);
  }
}
