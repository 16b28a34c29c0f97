export type { Enqueued, EnqueueOptions, JobCaller, JobInput } from './enqueue-job.js';
export type { JobEventRow } from './job-events.js';
export type { JobSnapshot } from './job-snapshot.js';
export type {
  FollowUp,
  JobAttempt,
  JobContext,
  JobEvent,
  JobProcessor,
  JobWorker,
  JobWorkerOptions,
} from './job-worker.js';
export { JobLater } from './job-later.js';
export { LateAbort } from './late-abort.js';
export type { JobListOptions, JobPage } from './list-jobs.js';
export {
  type JobCounts,
  type JobProgress,
  type OpenQueuesOptions,
  openQueues,
  type Queues,
  type QueuesOptions,
} from './open-queues.js';
export type { QueueConnection } from './queue-connection.js';
