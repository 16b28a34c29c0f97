import { openJobs } from '../jobs/ask-jobs.js';
import { jobWithFiles } from '../jobs/job-files.js';
import { readPayload } from '../jobs/read-payload.js';
import { saveArtifacts } from '../jobs/save-artifacts.js';
import { watchJob } from '../jobs/watch-job.js';
import type { Command } from '../context.js';
import { CommandError } from '../exit-codes.js';

/**
 * Asks the running server for a job, over files that are uploaded for it first; with `--wait` follows it to its end, with `--out` saves
 * what it leaves.
 */
export const jobsSubmit: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const [type = '', ...named] = args;
  const files = named.filter((file) => file !== undefined);
  const key = text(options['idempotencyKey']);
  if (key !== undefined && files.length > 0) throw new CommandError('usage', messages.jobKeyWithFiles);
  const payload = await readPayload(context, options['payload']);
  const jobs = await openJobs(context, options);
  const delay = text(options['delay']);
  const out = text(options['out']);
  const whole =
    files.length === 0 ? payload : await jobWithFiles({ type, payload, files, client: jobs.client, context });
  const job = await jobs.post('/v1/jobs', {
    body: { type, payload: whole, ...(delay !== undefined && { delay }) },
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });
  if (options['wait'] === true || out !== undefined) {
    output.note(messages.jobSubmitted(job.id));
    const exit = await watchJob({ jobs, id: job.id, context });
    if (exit === 'ok' && out !== undefined) await saveArtifacts({ jobs, id: job.id, folder: out, context });
    return exit;
  }
  output.result(job);
  output.line(job.id);
  output.note(messages.jobNext(job.id));
  return 'ok';
};

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
