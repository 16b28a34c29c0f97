import { type JobContract, type JobName, JOBS } from '@moltbot/contracts';
import type { JobEnvelope } from './queue-backend.js';
import type { BullQueue } from './queue-backend.js';
import { jobOptions } from './enqueue-job.js';

/** When jobs begin by themselves that have no schedule in the table. */
export type JobSchedules = Readonly<Partial<Record<JobName, JobContract['schedule']>>>;

/** Brings the schedules of one queue in line with the table and the settings; any number of processes may do so. */
export async function scheduleJobs(queue: BullQueue, more: JobSchedules = {}): Promise<void> {
  const wanted = Object.entries<JobContract>(JOBS)
    .map(([name, row]) => [name, { ...row, schedule: row.schedule ?? more[name as JobName] }] as const)
    .filter(([, row]) => row.queue === queue.name && row.schedule !== undefined);
  for (const [name, row] of wanted) {
    const { schedule } = row;
    if (schedule === undefined) continue;
    const repeat = 'cron' in schedule ? { pattern: schedule.cron, tz: 'UTC' } : { every: schedule.everyMs };
    const data: JobEnvelope = { payload: row.payload.parse({}) };
    await queue.upsertJobScheduler(name, repeat, { name, data, opts: jobOptions(row) });
  }
  const names = new Set(wanted.map(([name]) => name));
  for (const { key } of await queue.getJobSchedulers()) {
    if (!names.has(key)) await queue.removeJobScheduler(key);
  }
}
