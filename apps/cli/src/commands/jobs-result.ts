import { Readable } from 'node:stream';
import { jobPath, json, openJobs } from '../jobs/ask-jobs.js';
import { writeNewFile } from '../jobs/save-artifacts.js';
import type { Command } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** What a completed job has found, or one of the files that it left; to stdout or into a new file. */
export const jobsResult: Command = async ({ args, options, context }) => {
  const { output, messages, stdout } = context;
  const [id = ''] = args;
  const jobs = await openJobs(context, options);
  const file = options['file'];
  const out = options['out'];
  if (typeof file !== 'string') {
    const { result } = (await json(await jobs.get(jobPath(id, '/result')))) as { readonly result?: unknown };
    if (typeof out !== 'string') {
      output.result(result ?? null);
      output.line(JSON.stringify(result ?? null, undefined, 2));
      return 'ok';
    }
    await writeNewFile(out, Readable.from([`${JSON.stringify(result ?? null, undefined, 2)}\n`]), context);
  } else {
    const answer = await jobs.get(jobPath(id, `/artifacts/${encodeURIComponent(file)}`));
    if (typeof out !== 'string') {
      if (output.json) throw new CommandError('usage', messages.jobFileNeedsOut);
      for await (const piece of answer.body) {
        // To a terminal as text, without what it would obey.
        if (output.interactive) output.text(piece.toString('utf8'));
        else stdout.write(piece);
      }
      return 'ok';
    }
    await writeNewFile(out, Readable.from(answer.body), context);
  }
  output.result({ id, file: out });
  output.line(messages.jobWritten(out));
  return 'ok';
};
