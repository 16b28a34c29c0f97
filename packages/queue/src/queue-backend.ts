import type { Processor, Queue, Worker, WorkerOptions } from 'bullmq';
import type { JobCaller } from './enqueue-job.js';

/** What a job carries in the queue. */
export interface JobEnvelope {
  readonly payload: unknown;
  readonly traceparent?: string;
  /** Who asked for it; nobody's where MoltBot began it. */
  readonly owner?: string;
  readonly caller?: JobCaller;
  /** Made anew with each submission: tells a job that was there from one that is new. */
  readonly submission?: string;
  /** When cancelling was asked for, Unix ms: whoever has the job or takes it ends it. */
  readonly cancelledAt?: number;
}

export type BullQueue = Queue<JobEnvelope, unknown>;
export type BullWorker = Worker<JobEnvelope, unknown>;
export type BullProcessor = Processor<JobEnvelope, unknown>;

/** Redis or PostgreSQL, as BullMQ is set up on it. */
export interface QueueBackend {
  readonly kind: 'redis' | 'postgres';
  /** Brings what is stored up to date; may be called again after a failure. */
  prepare(): Promise<void>;
  openQueue(name: string): BullQueue;
  openWorker(name: string, processor: BullProcessor, options: Omit<WorkerOptions, 'connection'>): BullWorker;
  /** Resolves when what was added survives the end of the server that took it, as far as another one is there. */
  secured?(): Promise<void>;
  /** Cuts what is still connected. */
  close(): Promise<void>;
}
