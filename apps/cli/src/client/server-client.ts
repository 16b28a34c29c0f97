import { loadConfig } from '@moltbot/config';
import { ERRORS, type ErrorCode } from '@moltbot/contracts';
import type { CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { readRunning } from '../roles/run-lock.js';
import { serverAddress } from '../server-address.js';
import { type HttpAnswer, type RequestStream, sendHttpRequest } from './http-request.js';

/** How to reach the server that answers chat. */
export interface ServerClient {
  readonly url: string;
  /**
   * Sends a request; resolves with the answer, whatever its status.
   * @throws CommandError `unreachable`; the signal's reason
   */
  send(
    path: string,
    options?: {
      readonly body?: unknown;
      readonly stream?: RequestStream | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<HttpAnswer>;
  /** GET, and the answer's JSON. @throws CommandError `unreachable`, `failed` */
  getJson(path: string): Promise<unknown>;
}

const MAX_JSON = 16 * 1_048_576;
/** For what is no model's answer. */
const ANSWER_WITHIN_MS = 10_000;

/** The server named by `--url`, else the one that runs for this home, else where the configuration says it would be. */
export async function createServerClient(context: CommandContext, options: CommandOptions): Promise<ServerClient> {
  const { env, messages } = context;
  const url = (await addressOf(context, options)).replace(/(?<!\/)\/+$/, '');
  const key = typeof options['key'] === 'string' ? options['key'] : env['MOLTBOT_API_KEY'];
  // A key with a line end in it (`$(cat file)` has none, an editor may) is refused here, not by the HTTP client.
  if (key !== undefined && /[^\x21-\x7e]/.test(key.trim())) throw new CommandError('usage', messages.badKey);
  const headers: Record<string, string> = key?.trim() ? { authorization: `Bearer ${key.trim()}` } : {};

  const send: ServerClient['send'] = async (path, { body, stream, headers: more, signal } = {}) => {
    try {
      return await sendHttpRequest({ url: url + path, headers: { ...headers, ...more }, body, stream, signal });
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      // What was to be sent failed, not the server.
      if (error instanceof CommandError) throw error;
      throw new CommandError('unreachable', messages.unreachable(url), { cause: error });
    }
  };

  return {
    url,
    send,
    async getJson(path) {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      try {
        const answer = await send(path, { signal });
        if (answer.status !== 200) throw await toCommandError(answer, context);
        return JSON.parse(await answer.text(MAX_JSON)) as unknown;
      } catch (error) {
        if (error instanceof CommandError) throw error;
        throw new CommandError('unreachable', messages.notOurs(url), { cause: error });
      }
    },
  };
}

async function addressOf({ env, paths, messages }: CommandContext, { url }: CommandOptions): Promise<string> {
  if (typeof url === 'string') {
    const parsed = URL.parse(url);
    // A password here would be shown with every message that names the server.
    if (parsed !== null && parsed.username + parsed.password !== '') {
      throw new CommandError('usage', messages.urlWithPassword);
    }
    if (parsed !== null && /^https?:$/.test(parsed.protocol)) return url;
    throw new CommandError('usage', messages.badUrl(url.replace(/^.*@/s, '***@')));
  }
  const running = readRunning(paths.runDirectory);
  if (running?.url !== undefined) return running.url;
  const { settings } = await loadConfig({ paths, env });
  return serverAddress(settings.server);
}

/** An error answer as the command's error: `model` where the models failed, `failed` where the request was refused. */
export async function toCommandError(answer: HttpAnswer, { messages }: CommandContext): Promise<CommandError> {
  const { code, message } = await readError(answer);
  const action = Object.hasOwn(ERRORS, code) ? messages.errorAction(code as ErrorCode) : undefined;
  const exit = answer.status >= 500 || answer.status === 429 ? 'model' : 'failed';
  return new CommandError(exit, [`${code}: ${message}`, ...(action === undefined ? [] : [action])].join('\n'), {
    code,
  });
}

async function readError(answer: HttpAnswer): Promise<{ readonly code: string; readonly message: string }> {
  try {
    const { error } = JSON.parse(await answer.text(MAX_JSON)) as { readonly error?: Record<string, unknown> };
    const { code, message } = error ?? {};
    if (typeof message === 'string')
      return { code: typeof code === 'string' ? code : `http_${answer.status}`, message };
  } catch {
    // No JSON: somebody else answers at this address.
  }
  return { code: `http_${answer.status}`, message: 'this is no error of MoltBot' };
}
