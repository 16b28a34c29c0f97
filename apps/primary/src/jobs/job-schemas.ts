import { parseDuration } from '@moltbot/config';
import { isJobName, JOB_STATES, type JobContract, type JobName, JOBS, MoltbotError } from '@moltbot/contracts';
import { z } from 'zod';

const MAX_DELAY_MS = 366 * 86_400_000;

const delay = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= MAX_DELAY_MS) return ms;
  context.addIssue({ code: 'custom', message: 'expected a length of time like 30s or 2h, at most 366d' });
  return z.NEVER;
});

export const newJobSchema = z.strictObject({
  type: z.string().max(1_000),
  payload: z.unknown().optional(),
  delay: delay.optional(),
});

const listOf = <Item>(item: z.ZodType<Item, string>) =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(item).max(20));

export const jobListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().min(1).max(400).optional(),
  type: listOf(z.string().max(1_000)).optional(),
  state: listOf(z.enum(JOB_STATES)).optional(),
});

/** Types that callers may ask for. */
export function submittableTypes(): readonly JobName[] {
  return Object.entries<JobContract>(JOBS).flatMap(([name, row]) => (row.submittable && isJobName(name) ? [name] : []));
}

/** @throws MoltbotError `not_found` naming the known ones */
export function submittable(type: string): JobName {
  const name = submittableTypes().find((known) => known === type);
  if (name === undefined) throw unknownType(type, submittableTypes());
  return name;
}

/** For a search: those that MoltBot begins itself too. @throws MoltbotError `not_found` */
export function knownType(type: string): JobName {
  if (!isJobName(type)) throw unknownType(type, Object.keys(JOBS));
  return type;
}

function unknownType(type: string, known: readonly string[]): MoltbotError {
  const said = JSON.stringify(type.slice(0, 64));
  return new MoltbotError('not_found', `There is no type of job ${said}; there are: ${known.join(', ')}.`, {
    param: 'type',
  });
}
