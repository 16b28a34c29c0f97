import { jobArtifactSchema, type JobContract, JOBS, jobViewSchema } from '@moltbot/contracts';
import { z } from 'zod';

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const list = (name: string) => ({
  type: 'object',
  required: ['object', 'data', 'has_more'],
  properties: {
    object: { const: 'list' },
    data: { type: 'array', items: ref(name) },
    has_more: { type: 'boolean' },
    next_after: { type: ['string', 'null'] },
  },
});

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): object => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

const delay = { type: 'string', description: 'Not before so long from now, like `10m`; at most `366d`.' } as const;

/** What callers send, where it is not what the worker is given. */
const ASKED: Readonly<Record<string, { readonly payload: object }>> = {
  training: { payload: ref('NewFineTuningJob') },
};

/** What may be asked for: a shape for each type of `contracts/jobs`. */
const newJob = {
  oneOf: Object.entries<JobContract>(JOBS)
    .filter(([, row]) => row.submittable)
    .map(([type, row]) => ({
      type: 'object',
      title: type,
      description: row.title,
      required: ['type'],
      additionalProperties: false,
      properties: { type: { const: type }, ...(ASKED[type] ?? { payload: schemaOf(row.payload, 'input'), delay }) },
    })),
} as const;

/** JSON Schemas of jobs, from the table of jobs itself. */
export const JOB_SCHEMAS = {
  NewJob: newJob,
  Job: schemaOf(jobViewSchema, 'output'),
  JobList: list('Job'),
  JobArtifact: schemaOf(jobArtifactSchema, 'output'),
  JobArtifactList: list('JobArtifact'),
  JobResult: {
    type: 'object',
    required: ['id', 'object', 'type', 'result'],
    properties: {
      id: { type: 'string' },
      object: { const: 'job.result' },
      type: { enum: Object.keys(JOBS) },
      result: { oneOf: Object.values<JobContract>(JOBS).map((row) => schemaOf(row.result, 'output')) },
    },
  },
} as const;
