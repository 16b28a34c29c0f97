import { z } from 'zod';

/**
 * Where a job stands. `failed`: its last attempt failed, it is tried again; `dead`: it failed for good and stays readable until
 * it is retried; `delayed`: its time has not come.
 */
export const JOB_STATES = ['waiting', 'delayed', 'active', 'failed', 'completed', 'dead', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Nothing happens to such a job by itself any more. */
export const ENDED_JOB_STATES: ReadonlySet<JobState> = new Set(['completed', 'dead', 'cancelled']);

const instant = z.iso.datetime().nullable();

export const jobArtifactSchema = z.object({
  name: z.string(),
  /** Bytes. */
  size: z.number(),
  content_type: z.string(),
  /** Hex; null where the store does not know it. */
  sha256: z.string().nullable(),
});

/** A job as the HTTP door shows it. */
export const jobViewSchema = z.object({
  id: z.string(),
  object: z.literal('job'),
  type: z.string(),
  state: z.enum(JOB_STATES),
  /** What its handler last reported; `done` and `of` where it counts. */
  progress: z.record(z.string(), z.unknown()).nullable(),
  /** Attempts that ended. */
  attempts: z.number(),
  max_attempts: z.number(),
  created_at: z.iso.datetime(),
  started_at: instant,
  finished_at: instant,
  /** Cancelling was asked for; the job may still be ending. */
  cancel_requested_at: instant,
  /** Why the last attempt failed. */
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Of a completed job; not in lists. */
  result: z.unknown().optional(),
  /** Its files; null where the store of files does not answer; not in lists. */
  artifacts: z.array(jobArtifactSchema).nullable().optional(),
});
export type JobView = z.output<typeof jobViewSchema>;
export type JobArtifact = z.output<typeof jobArtifactSchema>;

/** All files of jobs are under it. */
export const JOB_ARTIFACTS = 'jobs/';

/** Where the files of a job are in the object store: under its prefix, by their names. */
export function jobArtifactPrefix(id: string): string {
  // The ids of scheduled jobs hold colons, keys of objects hold none.
  return `${JOB_ARTIFACTS}${id.replaceAll(':', '.')}/`;
}

/** The job whose file an object is. @returns `undefined` for a key that is not of one */
export function jobOfArtifact(key: string): string | undefined {
  const [, id] = /^jobs\/([^/]+)\/[^/]+$/.exec(key) ?? [];
  return id?.replaceAll('.', ':');
}
