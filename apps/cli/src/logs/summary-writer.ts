import { type LogReport, readSummary, type SummaryReport, toSummaryPrompt } from '@moltbot/log-analysis';
import { createServerClient, type ServerClient, toCommandError } from '../client/server-client.js';
import type { CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';

export interface SummaryWriter {
  /** A chain or a model. */
  readonly model: string;
  /** That it failed is said in what it returns: the report is good without. */
  write(report: LogReport, signal: AbortSignal): Promise<SummaryReport>;
}

const DEFAULT_MODEL = 'default';
const ANSWER_WITHIN_MS = 600_000;
const MAX_ANSWER = 4 * 1_048_576;

/**
 * Who writes the summary of `--summary`: a model of the running server, which is asked whether it is there first.
 * @throws CommandError `unreachable`, `failed`
 */
export async function openSummaryWriter(
  context: CommandContext,
  options: CommandOptions,
): Promise<SummaryWriter | undefined> {
  const wanted = options['summary'];
  if (wanted === undefined || wanted === false) return undefined;
  const model = typeof wanted === 'string' ? wanted : DEFAULT_MODEL;
  const client = await createServerClient(context, options);
  await client.getJson('/v1/models');
  return { model, write: async (report, signal) => write({ client, model, report, signal, context }) };
}

async function write(options: {
  readonly client: ServerClient;
  readonly model: string;
  readonly report: LogReport;
  readonly signal: AbortSignal;
  readonly context: CommandContext;
}): Promise<SummaryReport> {
  const { client, model, report, signal, context } = options;
  const prompt = toSummaryPrompt(report);
  const none = { model: null, claims: [], removed: { uncited: 0, unknown: 0 } };
  // There is nothing that could be cited.
  if (prompt.templateIds.length === 0) return { ...none, error: null };
  try {
    const answer = await client.send('/v1/chat/completions', {
      body: {
        model,
        messages: [
          { role: 'system', content: prompt.system },
          { role: 'user', content: prompt.user },
        ],
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    if (answer.status !== 200) throw await toCommandError(answer, context);
    const { choices } = JSON.parse(await answer.text(MAX_ANSWER)) as {
      readonly choices?: readonly { readonly message?: { readonly content?: unknown } }[];
    };
    const content = choices?.[0]?.message?.content;
    if (typeof content !== 'string') throw new CommandError('model', context.messages.logsNoText);
    return { model: answer.header('x-moltbot-model') ?? null, ...readSummary(content, prompt), error: null };
  } catch (error) {
    const { code, message } =
      error instanceof CommandError ? error : { code: 'unreachable', message: context.messages.notOurs(client.url) };
    return { ...none, error: { code, message: message.split('\n')[0] ?? '' } };
  }
}
