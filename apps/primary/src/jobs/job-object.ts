import type { JobArtifact, JobView } from '@moltbot/contracts';
import type { JobSnapshot } from '@moltbot/queue';

/** A job as callers see it; its result only where it is asked for alone. */
export function toJobView(
  job: JobSnapshot,
  more: { readonly alone?: boolean; readonly artifacts?: readonly JobArtifact[] | null } = {},
): JobView {
  return {
    id: job.id,
    object: 'job',
    type: job.name,
    state: job.state,
    progress: typeof job.progress === 'object' && job.progress !== null ? { ...job.progress } : null,
    attempts: job.attemptsMade,
    max_attempts: job.maxAttempts,
    created_at: new Date(job.enqueuedAt).toISOString(),
    started_at: iso(job.startedAt),
    finished_at: iso(job.finishedAt),
    cancel_requested_at: iso(job.cancelledAt),
    error: job.error ?? null,
    ...(more.alone === true && job.result !== undefined && { result: job.result }),
    ...(more.artifacts !== undefined && { artifacts: more.artifacts === null ? null : [...more.artifacts] }),
  };
}

function iso(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
