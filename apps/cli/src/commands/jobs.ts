import { type JobView, jobViewSchema } from '@moltbot/contracts';
import { type JobsClient, jobPath, json, openJobs } from '../jobs/ask-jobs.js';
import { progressText } from '../jobs/progress-text.js';
import { errorText, stateText } from '../jobs/show-job.js';
import { watchJob } from '../jobs/watch-job.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { table } from '../table.js';

const PAGE = 100;
const MOST = 1_000;
const USUAL = 20;

export const jobsList: Command = async ({ options, context }) => {
  const { output, messages } = context;
  const limit = readLimit(context, options);
  const jobs = await openJobs(context, options);
  const { found, more } = await pages(jobs, options, limit);
  output.result({ jobs: found, more });
  if (found.length === 0) output.line(messages.noJobs);
  else {
    const head = [messages.columnJob, messages.columnType, messages.columnState, messages.columnCreated, ''];
    const rows = found.map((job) => [
      job.id,
      job.type,
      stateText(job.state, context),
      job.created_at.slice(0, 19).replace('T', ' '),
      isUnderWay(job) ? (progressText(job.progress, { bar: false }) ?? '') : errorText(job).trim(),
    ]);
    output.line(table([head.map((cell) => output.style('bold', cell)), ...rows]));
    if (more) output.note(messages.jobsMore(found.length));
  }
  return 'ok';
};

/** One that waits for something outside has come some way too. */
function isUnderWay({ state, progress }: JobView): boolean {
  return state === 'active' || (state === 'delayed' && progress !== null);
}

export const jobsWatch: Command = async ({ args, options, context }) => {
  const [id = ''] = args;
  return watchJob({ jobs: await openJobs(context, options), id, context });
};

export const jobsCancel: Command = async (call) => act(call, '/cancel');

export const jobsRetry: Command = async (call) => act(call, '/retry');

async function act({ args, options, context }: Parameters<Command>[0], path: string) {
  const { output } = context;
  const [id = ''] = args;
  const jobs = await openJobs(context, options);
  const job = await jobs.post(jobPath(id, path));
  output.result(job);
  const { messages } = context;
  const ending = job.state === 'active' && job.cancel_requested_at !== null;
  output.line(`${job.id}  ${ending ? messages.jobBeingCancelled : stateText(job.state, context)}`);
  return 'ok' as const;
}

async function pages(jobs: JobsClient, options: CommandOptions, limit: number) {
  const found: JobView[] = [];
  let after: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, limit - found.length)) });
    const [type, state] = [text(options['type']), text(options['state'])];
    if (type !== undefined) query.set('type', type);
    if (state !== undefined) query.set('state', state);
    if (after !== null) query.set('after', after);
    const page = (await json(await jobs.get(`/v1/jobs?${query.toString()}`))) as {
      readonly data?: readonly unknown[];
      readonly next_after?: string | null;
    };
    found.push(...(page.data ?? []).map((job) => jobViewSchema.parse(job)));
    after = page.next_after ?? null;
  } while (after !== null && found.length < limit);
  return { found, more: after !== null };
}

function readLimit({ messages }: CommandContext, options: CommandOptions): number {
  const value = options['limit'];
  if (typeof value !== 'string') return USUAL;
  const limit = Number(value);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST) return limit;
  throw new CommandError('usage', messages.badCount(value, MOST));
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
