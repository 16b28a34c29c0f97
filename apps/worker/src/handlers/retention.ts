import { JOB_ARTIFACTS, JOBS, jobOfArtifact } from '@moltbot/contracts';
import { deleteAuditBefore, deleteUsageBefore, lastSummedHour } from '@moltbot/storage';
import type { JobDeps, JobHandler } from '../deps.js';

/** Longer than any upload may take. */
const UPLOAD_MS = 86_400_000;
const AT_ONCE = 100;
const ROWS_AT_ONCE = 5_000;
/** The next run does the rest. */
const MOST_ROUNDS = 200;

/** Until then any job may still be kept, whatever its type. */
const JOBS_KEPT_MS = Math.max(
  ...Object.values(JOBS).flatMap(({ retention: { completed, failed } }) => [completed.ageMs, failed.ageMs]),
);
const OBJECTS_AT_ONCE = 1_000;

/** Deletes what is due: files, batches, rows of the audit log and of the ledger; a bounded number of each, a step at a time. */
export const retention: JobHandler<'retention'> = async (_payload, deps, context) => {
  const { signal } = context;
  const result = { files: 0, batches: 0, audit: 0, usage: 0, artifacts: 0 };
  const { db, batches } = await deps.storage();
  const settings = deps.settings();
  const now = Date.now();
  const rounds = async (step: () => Promise<number>, full: number): Promise<number> => {
    let sum = 0;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      signal.throwIfAborted();
      const done = await step();
      sum += done;
      if (done < full) break;
    }
    return sum;
  };
  const report = async (): Promise<void> => context.progress({ ...result });

  result.files = await deleteFiles(deps, now, signal);
  await report();
  const endedBefore = now - settings.worker.batch.retention;
  result.batches = await rounds(async () => batches.deleteEnded({ before: endedBefore, limit: AT_ONCE }), AT_ONCE);
  await report();
  const auditBefore = now - settings.storage.audit_retention;
  result.audit = await rounds(
    async () => deleteAuditBefore({ db, before: auditBefore, limit: ROWS_AT_ONCE }),
    ROWS_AT_ONCE,
  );
  await report();
  // No row goes before it is in the sums.
  const summed = (await lastSummedHour({ db })) ?? 0;
  const usageBefore = Math.min(now - settings.storage.usage_retention, summed);
  if (usageBefore > 0) result.usage = await deleteUsageBefore({ db, before: usageBefore });
  await report();
  result.artifacts = await deleteArtifacts(deps, now - JOBS_KEPT_MS, signal);
  return result;
};

/** Files of jobs that the queue has forgotten. Young ones stay: their job may be one whose queue was just moved or emptied by hand. */
async function deleteArtifacts(deps: JobDeps, before: number, signal: AbortSignal): Promise<number> {
  const objects = await deps.objects();
  let deleted = 0;
  let after: string | undefined;
  let last = { id: '', kept: true };
  // Each run begins at the first key: what is kept must not hide what comes after it.
  while (deleted < MOST_ROUNDS * OBJECTS_AT_ONCE) {
    signal.throwIfAborted();
    const page = await objects.list({
      prefix: JOB_ARTIFACTS,
      limit: OBJECTS_AT_ONCE,
      ...(after !== undefined && { after }),
    });
    for (const { key, modifiedAt } of page) {
      signal.throwIfAborted();
      after = key;
      const id = modifiedAt < before ? jobOfArtifact(key) : undefined;
      if (id === undefined) continue;
      // The files of a job follow each other: asked once.
      if (id !== last.id) last = { id, kept: await deps.keepsJob(id) };
      if (last.kept) continue;
      await objects.delete(key);
      deleted += 1;
    }
    if (page.length < OBJECTS_AT_ONCE) break;
  }
  return deleted;
}

async function deleteFiles(deps: JobDeps, now: number, signal: AbortSignal): Promise<number> {
  const { files } = await deps.storage();
  const due = async () => files.due({ uploadsBefore: now - UPLOAD_MS, limit: AT_ONCE });
  let deleted = 0;
  for (let found = await due(), round = 0; found.length > 0 && round < MOST_ROUNDS; found = await due(), round += 1) {
    const objects = await deps.objects();
    for (const { id, objectKey } of found) {
      signal.throwIfAborted();
      await files.beginDelete(id);
      await objects.delete(objectKey);
      await files.drop(id);
      deleted += 1;
    }
  }
  return deleted;
}
