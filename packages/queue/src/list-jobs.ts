import { type JobName, type JobState, MoltbotError } from '@moltbot/contracts';
import { ownerTag, parseJobId } from './job-id.js';
import type { JobSnapshot } from './job-snapshot.js';
import type { BullQueue } from './queue-backend.js';

export interface JobListOptions {
  readonly types?: readonly JobName[] | undefined;
  readonly states?: readonly JobState[] | undefined;
  /** Only this one's jobs. */
  readonly owner?: string | undefined;
  /** 1 to 1,000. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

export interface JobPage {
  /** Newest first. */
  readonly jobs: readonly JobSnapshot[];
  /** Where there is more. */
  readonly next: string | undefined;
}

interface Entry {
  readonly id: string;
  readonly name: JobName;
  readonly createdAt: number;
}

const BULL_TYPES = ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed'] as const;
/** A page looks at no more jobs than this, however few of them are wanted. */
const MAX_LOOKED_AT = 1_000;
const AT_ONCE = 50;
const MAX_REMEMBERED = 20_000;

/** Pages through the jobs of all queues by what their ids tell; only those of a page are read. */
export class JobLister {
  readonly #read: (name: JobName, id: string) => Promise<JobSnapshot | undefined>;
  /** When jobs were made whose ids don't tell: that never changes. */
  readonly #createdAt = new Map<string, number>();

  constructor(read: (name: JobName, id: string) => Promise<JobSnapshot | undefined>) {
    this.#read = read;
  }

  /** @throws MoltbotError `invalid_request` for an `after` that is none */
  async list(queues: readonly BullQueue[], options: JobListOptions): Promise<JobPage> {
    const { states, owner, limit } = options;
    const after = options.after === undefined ? undefined : readCursor(options.after);
    const entries = (await this.#entries(queues, options))
      .filter((entry) => after === undefined || isBefore(after, entry))
      .toSorted((left, right) => (isBefore(left, right) ? -1 : 1));
    const jobs: JobSnapshot[] = [];
    let last: Entry | undefined;
    let lookedAt = 0;
    while (lookedAt < Math.min(entries.length, MAX_LOOKED_AT) && jobs.length < limit) {
      const batch = entries.slice(lookedAt, lookedAt + AT_ONCE);
      const read = await Promise.all(batch.map(async ({ name, id }) => this.#read(name, id)));
      for (const [index, job] of read.entries()) {
        if (jobs.length === limit) break;
        last = batch[index];
        lookedAt += 1;
        if (job === undefined || (owner !== undefined && job.owner !== owner)) continue;
        if (states === undefined || states.includes(job.state)) jobs.push(job);
      }
    }
    const more = last !== undefined && lookedAt < entries.length;
    return { jobs, next: more && last !== undefined ? writeCursor(last) : undefined };
  }

  async #entries(queues: readonly BullQueue[], { types, owner }: JobListOptions): Promise<Entry[]> {
    const tag = owner === undefined ? undefined : ownerTag(owner);
    const ids = await Promise.all(queues.map(async (queue) => queue.getRanges([...BULL_TYPES], 0, -1)));
    const entries: Entry[] = [];
    const untimed: { readonly id: string; readonly name: JobName }[] = [];
    // A job may have moved from one list to the other between two reads.
    for (const id of new Set(ids.flat())) {
      const parts = parseJobId(id);
      if (parts === undefined || (types !== undefined && !types.includes(parts.name))) continue;
      if (tag !== undefined && parts.ownerTag !== tag) continue;
      const createdAt = parts.createdAt ?? this.#createdAt.get(id);
      if (createdAt === undefined) untimed.push({ id, name: parts.name });
      else entries.push({ id, name: parts.name, createdAt });
    }
    for (let start = 0; start < untimed.length; start += AT_ONCE) {
      const read = await Promise.all(
        untimed.slice(start, start + AT_ONCE).map(async ({ name, id }) => this.#read(name, id)),
      );
      for (const job of read) {
        if (job === undefined) continue;
        if (this.#createdAt.size >= MAX_REMEMBERED) this.#createdAt.clear();
        this.#createdAt.set(job.id, job.enqueuedAt);
        entries.push({ id: job.id, name: job.name, createdAt: job.enqueuedAt });
      }
    }
    return entries;
  }
}

/** Whether `left` stands before `right`: newest first. */
function isBefore(left: Pick<Entry, 'id' | 'createdAt'>, right: Pick<Entry, 'id' | 'createdAt'>): boolean {
  return left.createdAt === right.createdAt ? left.id > right.id : left.createdAt > right.createdAt;
}

function writeCursor({ id, createdAt }: Entry): string {
  return Buffer.from(`${createdAt} ${id}`).toString('base64url');
}

function readCursor(text: string): Pick<Entry, 'id' | 'createdAt'> {
  const match = /^(\d{1,15}) (.{1,200})$/.exec(Buffer.from(text, 'base64url').toString('utf8'));
  if (match === null) {
    throw new MoltbotError('invalid_request', 'after: expected `next_after` of the page before', { param: 'after' });
  }
  return { createdAt: Number(match[1]), id: match[2] ?? '' };
}
