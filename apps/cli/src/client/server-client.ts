import { loadConfig } from '@moltbot/config';
import type { CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { readRunning } from '../roles/run-lock.js';

/** How to reach the server that answers chat. */
export interface ServerClient {
  readonly url: string;
  /**
   * Sends a request; resolves with the response, whatever its status.
   * @throws CommandError `unreachable`
   */
  send(path: string, options?: { readonly body?: unknown; readonly signal?: AbortSignal }): Promise<Response>;
}

/** The server named by `--url`, else the one that runs for this home, else where the configuration says it would be. */
export async function createServerClient(context: CommandContext, options: CommandOptions): Promise<ServerClient> {
  const { env, paths, messages } = context;
  const url = (await addressOf(context, options)).replace(/\/+$/, '');
  const key = typeof options['key'] === 'string' ? options['key'] : env['MOLTBOT_API_KEY'];
  return {
    url,
    async send(path, { body, signal } = {}) {
      try {
        return await fetch(url + path, {
          method: body === undefined ? 'GET' : 'POST',
          headers: {
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...(signal === undefined ? {} : { signal }),
        });
      } catch (error) {
        if (signal?.aborted === true) throw error;
        throw new CommandError('unreachable', messages.unreachable(url), { code: 'unreachable', cause: error });
      }
    },
  };

  async function addressOf({ output }: CommandContext, { url: named }: CommandOptions): Promise<string> {
    if (typeof named === 'string') {
      if (URL.canParse(named) && /^https?:/.test(named)) return named;
      throw new CommandError('usage', `--url: ${messages.usageHint}`);
    }
    const running = readRunning(paths.runDirectory);
    if (running?.url !== undefined) return running.url;
    const { settings, warnings } = await loadConfig({ paths, env });
    for (const warning of warnings) output.note(warning.message);
    const { host, port } = settings.server;
    return `http://${host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`;
  }
}

/** What an error answer says, in both dialects' shapes. */
export async function readError(response: Response): Promise<{ readonly code: string; readonly message: string }> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly code?: string; readonly message?: string } };
    if (error?.message !== undefined) return { code: error.code ?? `http_${response.status}`, message: error.message };
  } catch {
    // No JSON: somebody else answers at this address.
  }
  return { code: `http_${response.status}`, message: `${response.status} ${response.statusText}` };
}
