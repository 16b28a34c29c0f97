import { ENDED_JOB_STATES, MoltbotError } from '@moltbot/contracts';
import type { Job } from 'bullmq';
import { writeJobEventRow } from './job-events.js';
import { isScheduledJob } from './job-id.js';
import type { JobSnapshot } from './job-snapshot.js';
import type { JobEnvelope } from './queue-backend.js';

/** A job and how it stands. */
export interface FoundJob {
  readonly job: Job<JobEnvelope, unknown>;
  readonly bullState: string;
  readonly snapshot: JobSnapshot;
}

/**
 * Marks the job: one that waits is never begun, one that runs is ended by its worker within a second.
 * @throws MoltbotError `job_state_conflict` where it has ended otherwise, or begins by itself
 */
export async function cancelJob({ job, bullState, snapshot }: FoundJob, now: number): Promise<void> {
  if (snapshot.state === 'cancelled' || (snapshot.state === 'active' && snapshot.cancelledAt !== undefined)) return;
  if (ENDED_JOB_STATES.has(snapshot.state)) throw conflict(`The job has ended already (${snapshot.state}).`);
  // BullMQ makes the next one of its schedule in its likeness.
  if (isScheduledJob(snapshot.id) && bullState !== 'active') throw conflict('A job of a schedule begins by itself.');
  await job.updateData({ ...job.data, cancelledAt: now });
  // One that waits for its time is taken now, to be ended: nothing of it is left behind. It may have begun meanwhile.
  if (bullState === 'delayed') await job.promote().catch(() => undefined);
}

/** Lets a dead or cancelled job be done once more, with all its attempts. @throws MoltbotError `job_state_conflict` */
export async function retryJob({ job, bullState, snapshot }: FoundJob, now: number): Promise<void> {
  if (snapshot.state !== 'dead' && snapshot.state !== 'cancelled') {
    throw conflict(`Only a dead or a cancelled job can be retried; this one is ${snapshot.state}.`);
  }
  if (job.data.cancelledAt !== undefined) {
    const { cancelledAt: _over, ...data } = job.data;
    await job.updateData(data);
  }
  if (bullState !== 'failed') return;
  try {
    await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
  } catch (error) {
    if ((await job.getState()) === 'failed') throw error;
    throw conflict('Somebody else has retried the job.');
  }
  await job.log(writeJobEventRow({ type: 'retried', at: now }));
}

function conflict(message: string): MoltbotError {
  return new MoltbotError('job_state_conflict', message);
}
