import type { Operation } from './openapi-operation.js';

const id = { name: 'id', in: 'path', required: true, description: 'Id of a job' } as const;
const query = (name: string, description: string) => ({ name, in: 'query', required: false, description }) as const;
const header = (name: string, description: string) => ({ name, in: 'header', required: false, description }) as const;
const jobs = { tag: 'jobs', error: 'OpenAiError' } as const;

/** Jobs: a key or token with the scope `jobs`, which sees its own; `admin` sees all. */
export const JOB_OPERATIONS: readonly Operation[] = [
  {
    ...jobs,
    method: 'post',
    path: '/v1/jobs',
    summary:
      'Ask for a job; 422 where the payload does not fit its type, 404 for another type, before anything is queued',
    body: 'NewJob',
    answer: 'Job',
    status: 202,
    parameters: [
      header(
        'idempotency-key',
        'Sent again with the same key and payload it is the same job (200); another payload is 409',
      ),
      header('traceparent', 'The trace within which the job is done (W3C)'),
    ],
  },
  {
    ...jobs,
    method: 'get',
    path: '/v1/jobs',
    summary: 'Jobs, newest first',
    answer: 'JobList',
    parameters: [
      query('type', 'Only these types, comma-separated'),
      query('state', 'Only these states, comma-separated'),
      query('limit', '1 to 100; 20. A page may hold less though there is more'),
      query('after', '`next_after` of the page before'),
    ],
  },
  {
    ...jobs,
    method: 'get',
    path: '/v1/jobs/{id}',
    summary: 'One job, with its result and its files',
    answer: 'Job',
    parameters: [id],
  },
  {
    ...jobs,
    method: 'get',
    path: '/v1/jobs/{id}/events',
    summary:
      'A job’s life as server-sent events: state, progress, attempt-failed, retried, end; the stream ends with the job',
    answer: 'Job',
    streams: true,
    parameters: [id, header('last-event-id', 'Id of the last event that was read: the next one follows, none is lost')],
  },
  {
    ...jobs,
    method: 'post',
    path: '/v1/jobs/{id}/cancel',
    summary: 'End a job that waits or runs; a running one ends within a second',
    answer: 'Job',
    parameters: [id],
  },
  {
    ...jobs,
    method: 'post',
    path: '/v1/jobs/{id}/retry',
    summary: 'Put a dead or cancelled job back, with all its attempts',
    answer: 'Job',
    parameters: [id],
  },
  {
    ...jobs,
    method: 'get',
    path: '/v1/jobs/{id}/result',
    summary: 'What a completed job has found; 409 for any other',
    answer: 'JobResult',
    parameters: [id],
  },
  {
    ...jobs,
    method: 'get',
    path: '/v1/jobs/{id}/artifacts',
    summary: 'The files that a job left',
    answer: 'JobArtifactList',
    parameters: [id],
  },
  {
    ...jobs,
    method: 'get',
    path: '/v1/jobs/{id}/artifacts/{name}',
    summary: 'The bytes of one of them',
    answer: 'JobArtifact',
    bytes: true,
    parameters: [id, { name: 'name', in: 'path', required: true, description: 'Name of the file' }],
  },
];
