export type { JobSnapshot, JobState } from './job-snapshot.js';
export type {
  JobAttempt,
  JobContext,
  JobEvent,
  JobProcessor,
  JobWorker,
  JobWorkerOptions,
} from './job-worker.js';
export {
  type EnqueueOptions,
  type JobCounts,
  type JobInput,
  type OpenQueuesOptions,
  openQueues,
  type Queues,
  type QueuesOptions,
} from './open-queues.js';
export type { QueueConnection } from './queue-connection.js';
