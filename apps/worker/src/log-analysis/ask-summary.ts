import { setTimeout as delay } from 'node:timers/promises';
import { MoltbotError } from '@moltbot/contracts';
import { readSummary, type SummaryPrompt, type SummaryReport } from '@moltbot/log-analysis';
import { batchOwner } from '../batch/batch-owner.js';
import { sendRequest } from '../batch/send-request.js';
import type { JobContext, JobDeps } from '../deps.js';

/** What failed and may succeed later is asked again this often; within a try the engine goes through the whole chain. */
const TRIES = 3;
const FIRST_WAIT_MS = 1_000;
/** At a limit of the caller it waits no longer in all: the report is there without a summary. */
const LONGEST_WAIT_MS = 120_000;

/**
 * Lets a model write about the top templates, in the name and at the cost of whoever asked for the job. That it failed is said in the
 * report, which is good without. @throws the signal's reason
 */
export async function askSummary(options: {
  readonly prompt: SummaryPrompt;
  /** A chain or a model; `undefined`: the default chain. */
  readonly model: string | undefined;
  readonly deps: JobDeps;
  readonly context: JobContext;
}): Promise<SummaryReport> {
  const { prompt, context } = options;
  const none = { model: null, claims: [], removed: { uncited: 0, unknown: 0 } };
  // There is nothing that could be cited.
  if (prompt.templateIds.length === 0) return { ...none, error: null };
  try {
    const { text, model } = await ask(options);
    return { model, ...readSummary(text, prompt), error: null };
  } catch (error) {
    context.signal.throwIfAborted();
    const { code, message } = error instanceof MoltbotError ? error : new MoltbotError('internal_error');
    context.logger.warn('no summary of the log', { error });
    return { ...none, error: { code, message } };
  }
}

/** @throws MoltbotError; the signal's reason */
async function ask({ prompt, model, deps, context }: Parameters<typeof askSummary>[0]) {
  const { owner, caller, signal } = context;
  const storage = await deps.storage();
  const ownerNow = batchOwner({ batch: { owner, caller }, storage, now: Date.now });
  const body = Buffer.from(
    JSON.stringify({
      ...(model !== undefined && { model }),
      messages: [
        { role: 'system', content: prompt.system },
        { role: 'user', content: prompt.user },
      ],
    }),
  );
  let waited = 0;
  for (let tries = 1; ; ) {
    const sent = await sendRequest({ deps, endpoint: '/v1/chat/completions', owner: await ownerNow(), body, signal });
    if (sent.type === 'answered') return { text: textOf(sent.body), model: sent.servedBy };
    if (sent.type === 'broke') throw sent.error;
    if (sent.type === 'failed' && (!sent.error.retryable || tries >= TRIES)) throw sent.error;
    const waitMs = sent.type === 'limited' ? sent.waitMs : (sent.error.retryAfterMs ?? FIRST_WAIT_MS * 2 ** tries);
    waited += waitMs;
    if (waited > LONGEST_WAIT_MS) {
      throw sent.type === 'failed'
        ? sent.error
        : new MoltbotError('key_rate_limited', undefined, { retryAfterMs: waitMs });
    }
    if (sent.type === 'failed') tries += 1;
    await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** @throws MoltbotError `upstream_error` */
function textOf(body: unknown): string {
  const { choices } = body as {
    readonly choices?: readonly { readonly message?: { readonly content?: unknown } }[];
  };
  const content = choices?.[0]?.message?.content;
  if (typeof content !== 'string') throw new MoltbotError('upstream_error', 'The model answered without a text.');
  return content;
}
