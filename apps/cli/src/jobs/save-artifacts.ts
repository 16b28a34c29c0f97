import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { jobArtifactSchema } from '@moltbot/contracts';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { type JobsClient, jobPath, json } from './ask-jobs.js';

/** As the server names them; nothing else becomes a path here. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** Saves all files of a job in a folder, which is made where there is none; no file is replaced. @throws CommandError */
export async function saveArtifacts(options: {
  readonly jobs: JobsClient;
  readonly id: string;
  readonly folder: string;
  readonly context: CommandContext;
}): Promise<void> {
  const { jobs, id, folder, context } = options;
  const { output, messages } = context;
  const { data = [] } = (await json(await jobs.get(jobPath(id, '/artifacts')))) as { readonly data?: unknown[] };
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError('failed', messages.jobNotWritten(folder, error.code ?? String(error)), { cause: error });
  });
  const saved: string[] = [];
  for (const { name } of data.map((artifact) => jobArtifactSchema.parse(artifact))) {
    if (!NAME.test(name)) continue;
    const path = join(folder, name);
    const answer = await jobs.get(jobPath(id, `/artifacts/${encodeURIComponent(name)}`));
    await writeNewFile(path, Readable.from(answer.body), context);
    output.note(messages.jobWritten(path));
    saved.push(path);
  }
  output.result({ id, files: saved });
}

/** Only for its owner, and never over another. @throws CommandError `usage`, `failed` */
export async function writeNewFile(path: string, source: Readable, { messages }: CommandContext): Promise<void> {
  try {
    await pipeline(source, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new CommandError('usage', messages.jobFileExists(path), { cause: error });
    // It is ours: half a file looks like a whole one.
    await rm(path, { force: true }).catch(() => undefined);
    throw new CommandError('failed', messages.jobNotWritten(path, code ?? String(error)), { cause: error });
  }
}
