import { ENDED_JOB_STATES } from '@moltbot/contracts';
import type { JobSnapshot, Queues } from '@moltbot/queue';

const PATIENCE_MS = 25_000;

/** The job when it has come that far; to its end where nothing is said. */
export async function job(
  queues: Queues,
  id: string,
  reached: (snapshot: JobSnapshot) => boolean = ({ state }) => ENDED_JOB_STATES.has(state),
): Promise<JobSnapshot<'warmup'>> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const snapshot = await queues.find('warmup', id).catch(() => undefined);
    if (snapshot !== undefined && reached(snapshot)) return snapshot;
    if (performance.now() > deadline) throw new Error(`job ${id} is still ${JSON.stringify(snapshot)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
  }
}

export const active = ({ state }: JobSnapshot): boolean => state === 'active';
