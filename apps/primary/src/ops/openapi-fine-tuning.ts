import type { Operation } from './openapi-operation.js';

const query = (name: string, description: string) => ({ name, in: 'query', required: false, description }) as const;
const id = { name: 'id', in: 'path', required: true, description: 'Id of a fine-tuning job, `ftjob-…`' } as const;
const tuning = { tag: 'fine-tuning', error: 'OpenAiError' } as const;
const limit = query('limit', '1 to 100; 20');

/** Models that are trained at providers: a key or token with the scope `jobs`, which sees its own; `admin` sees all. */
export const FINE_TUNING_OPERATIONS: readonly Operation[] = [
  {
    ...tuning,
    method: 'post',
    path: '/v1/fine_tuning/jobs',
    summary: 'Have a model trained at its provider, from a file; the model that comes of it can be asked at once',
    body: 'NewFineTuningJob',
    answer: 'FineTuningJob',
    parameters: [
      { name: 'Idempotency-Key', in: 'header', required: false, description: 'The same key is the same job' },
    ],
  },
  {
    ...tuning,
    method: 'get',
    path: '/v1/fine_tuning/jobs',
    summary: 'Fine-tuning jobs, newest first',
    answer: 'FineTuningJobList',
    parameters: [
      limit,
      query('after', 'Id of the last job of the page before'),
      query('metadata[key]', 'Those with this value of their metadata'),
    ],
  },
  {
    ...tuning,
    method: 'get',
    path: '/v1/fine_tuning/jobs/{id}',
    summary: 'One fine-tuning job',
    answer: 'FineTuningJob',
    parameters: [id],
  },
  {
    ...tuning,
    method: 'post',
    path: '/v1/fine_tuning/jobs/{id}/cancel',
    summary: 'End a fine-tuning job, at the provider too',
    answer: 'FineTuningJob',
    parameters: [id],
  },
  {
    ...tuning,
    method: 'get',
    path: '/v1/fine_tuning/jobs/{id}/events',
    summary: 'What happened to a fine-tuning job, newest first: the provider’s events and ours about the data set',
    answer: 'FineTuningEventList',
    parameters: [id, limit, query('after', 'Id of the last event of the page before')],
  },
  {
    ...tuning,
    method: 'get',
    path: '/v1/fine_tuning/jobs/{id}/checkpoints',
    summary: 'Models from before the end of the training, newest first',
    answer: 'FineTuningCheckpointList',
    parameters: [id, limit, query('after', 'Id of the last checkpoint of the page before')],
  },
];
