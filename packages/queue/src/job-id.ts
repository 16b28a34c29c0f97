import { createHash } from 'node:crypto';
import { isJobName, type JobName } from '@moltbot/contracts';

/** What an id tells without asking the queue. */
export interface JobIdParts {
  readonly name: JobName;
  /** Of whoever asked for it; `0`: MoltBot itself. */
  readonly ownerTag: string;
  /** Unix ms; `undefined` where an idempotency key stands in the id instead. */
  readonly createdAt: number | undefined;
}

const OURS = /^(.{1,64})-(0|[0-9a-f]{10})-(?:k[0-9a-f]{32}|([0-9a-f]{12})[0-9a-f]{16})$/;
/** What BullMQ calls the jobs of a scheduler; ours are named like the job. */
const SCHEDULED = /^repeat:(.{1,64}):(\d{1,15})$/;

/** `warmup-OWNER-TIMERANDOM`, or `warmup-OWNER-kHASH` for a job with an idempotency key: the same text for the same key. */
export function toJobId(options: {
  readonly name: JobName;
  readonly owner: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly now: number;
  /** 16 hexadecimal digits. */
  readonly random: string;
}): string {
  const { name, owner, idempotencyKey, now, random } = options;
  const begin = `${name}-${ownerTag(owner)}-`;
  if (idempotencyKey === undefined) return begin + now.toString(16).padStart(12, '0') + random;
  // Hashed, because BullMQ refuses some texts (a colon, a number) as an id.
  return `${begin}k${hash(`${owner ?? ''}\n${idempotencyKey}`, 32)}`;
}

/** @returns `undefined` for what is no id of a job of this version */
export function parseJobId(id: string): JobIdParts | undefined {
  const scheduled = SCHEDULED.exec(id);
  if (scheduled !== null) {
    const [, name = '', time] = scheduled;
    return isJobName(name) ? { name, ownerTag: ownerTag(undefined), createdAt: Number(time) } : undefined;
  }
  const [, name = '', tag = '', time] = OURS.exec(id) ?? [];
  if (!isJobName(name)) return undefined;
  return { name, ownerTag: tag, createdAt: time === undefined ? undefined : Number.parseInt(time, 16) };
}

export function isScheduledJob(id: string): boolean {
  return SCHEDULED.test(id);
}

export function ownerTag(owner: string | undefined): string {
  return owner === undefined ? '0' : hash(owner, 10);
}

function hash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
