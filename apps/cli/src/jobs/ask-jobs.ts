import { type JobView, jobViewSchema } from '@moltbot/contracts';
import { createServerClient, type ServerClient, toCommandError } from '../client/server-client.js';
import type { HttpAnswer } from '../client/http-request.js';
import type { CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** The running server's jobs. All throw CommandError `unreachable`, `failed`. */
export interface JobsClient {
  readonly client: ServerClient;
  find(id: string): Promise<JobView>;
  /** A POST without or with a body, answered by a job. */
  post(
    path: string,
    options?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<JobView>;
  /** Any other answer, its status checked. */
  get(path: string): Promise<HttpAnswer>;
}

const ANSWER_WITHIN_MS = 20_000;
const MAX_ANSWER = 16 * 1_048_576;

export async function openJobs(context: CommandContext, options: CommandOptions): Promise<JobsClient> {
  const client = await createServerClient(context, options);

  async function asked(path: string, more: Parameters<ServerClient['send']>[1]): Promise<HttpAnswer> {
    let answer: HttpAnswer;
    const late = new AbortController();
    // Of a large file the beginning has to come in time.
    const timer = setTimeout(() => late.abort(), ANSWER_WITHIN_MS);
    try {
      answer = await client.send(path, { ...more, signal: late.signal });
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError('unreachable', context.messages.notOurs(client.url), { cause: error });
    } finally {
      clearTimeout(timer);
    }
    if (answer.status < 200 || answer.status > 299) throw await refusal(answer, context);
    return answer;
  }

  async function job(answer: HttpAnswer): Promise<JobView> {
    const parsed = jobViewSchema.safeParse(await json(answer).catch(() => undefined));
    if (parsed.success) return parsed.data;
    throw new CommandError('unreachable', context.messages.notOurs(client.url));
  }

  return {
    client,
    find: async (id) => job(await asked(jobPath(id), {})),
    post: async (path, { body = {}, headers } = {}) => job(await asked(path, { body, headers })),
    get: async (path) => asked(path, {}),
  };
}

export function jobPath(id: string, more = ''): string {
  return `/v1/jobs/${encodeURIComponent(id)}${more}`;
}

export async function json(answer: HttpAnswer): Promise<unknown> {
  return JSON.parse(await answer.text(MAX_ANSWER)) as unknown;
}

/** No model has a part in it, whatever the status. */
async function refusal(answer: HttpAnswer, context: CommandContext): Promise<CommandError> {
  const { code, message } = await toCommandError(answer, context);
  return new CommandError(code === 'invalid_request' ? 'usage' : 'failed', message, { code });
}
