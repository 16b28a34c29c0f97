import type { JsonObject } from '../caller-request.js';

// Answers of OpenAI's files and fine-tuning API, and of Azure's, as their documentation shows them (API reference, guide on
// fine-tuning), completed with what their official client declares.

export const RECORDED_FILE: JsonObject = {
  id: 'file-BK7bzQj3FfZFXr7DbL6xJwfo',
  object: 'file',
  bytes: 120_000,
  created_at: 1_677_610_602,
  expires_at: null,
  filename: 'mydata.jsonl',
  purpose: 'fine-tune',
  status: 'processed',
  status_details: null,
};

export const RECORDED_TRAINING: JsonObject = {
  object: 'fine_tuning.job',
  id: 'ftjob-abc123',
  model: 'gpt-4o-mini-2024-07-18',
  created_at: 1_721_764_800,
  finished_at: null,
  fine_tuned_model: null,
  organization_id: 'org-123',
  result_files: [],
  status: 'validating_files',
  validation_file: null,
  training_file: 'file-abc123',
  hyperparameters: { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' },
  trained_tokens: null,
  // Not null, though nothing has failed.
  error: {},
  user_provided_suffix: null,
  seed: 683_058_546,
  estimated_finish: null,
  integrations: [],
  metadata: null,
  method: {
    type: 'supervised',
    supervised: { hyperparameters: { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' } },
  },
};

export const RECORDED_SUCCESS: JsonObject = {
  status: 'succeeded',
  finished_at: 1_721_770_000,
  fine_tuned_model: 'ft:gpt-4o-mini-2024-07-18:my-org::7qTVM5AR',
  result_files: ['file-abc456'],
  trained_tokens: 5_768,
  hyperparameters: { n_epochs: 3, batch_size: 1, learning_rate_multiplier: 1.8 },
  error: { code: null, message: null, param: null },
};

export const RECORDED_FAILURE: JsonObject = {
  status: 'failed',
  finished_at: 1_692_661_190,
  error: {
    code: 'invalid_training_file',
    param: 'training_file',
    message:
      'The job failed due to an invalid training file. Invalid file format. Example 9 is missing an assistant message.',
  },
};

export const RECORDED_CANCELLED: JsonObject = {
  status: 'cancelled',
  finished_at: 1_721_765_000,
  error: { code: null, message: null, param: null },
};

export const RECORDED_EVENTS: readonly JsonObject[] = [
  {
    object: 'fine_tuning.job.event',
    id: 'ftevent-kLPSMIcsqshEUEJVOVBVcHlP',
    created_at: 1_721_764_800,
    level: 'info',
    message: 'Created fine-tuning job: ftjob-abc123',
    data: {},
    type: 'message',
  },
  {
    object: 'fine_tuning.job.event',
    id: 'ftevent-abc-123',
    created_at: 1_693_582_679,
    level: 'info',
    message: 'Step 100/100: training loss=0.00',
    data: { step: 100, total_steps: 100, train_loss: 1.805623287509661e-5, train_mean_token_accuracy: 1 },
    type: 'metrics',
  },
  {
    object: 'fine_tuning.job.event',
    id: 'ft-event-tyiGuB72evQncpH87xe505Sv',
    created_at: 1_721_764_800,
    level: 'info',
    message: 'New fine-tuned model created: ft:gpt-4o-mini:openai::7p4lURel',
    data: null,
    type: 'message',
  },
];

export const RECORDED_CHECKPOINT: JsonObject = {
  object: 'fine_tuning.job.checkpoint',
  id: 'ftckpt_zc4Q7MP6XxulcVzj4MZdwsAB',
  created_at: 1_721_764_867,
  fine_tuned_model_checkpoint: 'ft:gpt-4o-mini-2024-07-18:my-org:custom-suffix:96olL566:ckpt-step-2000',
  metrics: { full_valid_loss: 0.134, full_valid_mean_token_accuracy: 0.874 },
  fine_tuning_job_id: 'ftjob-abc123',
  step_number: 2_000,
};

/** Azure OpenAI: another form of the model's name, and nulls where OpenAI has objects. */
export const RECORDED_AZURE_SUCCESS: JsonObject = {
  id: 'ftjob-372c72db22c34e6f9ccb62c26ee0fbd9',
  created_at: 1_715_742_305,
  error: null,
  fine_tuned_model: 'gpt-4o-mini-2024-07-18.ft-0e208cf33a6a466994aff31a08aba678',
  finished_at: 1_715_745_000,
  hyperparameters: { batch_size: 1, learning_rate_multiplier: 1, n_epochs: 10 },
  model: 'gpt-4o-mini-2024-07-18',
  object: 'fine_tuning.job',
  organization_id: null,
  result_files: ['file-4b26d4b72321456b9589282ecc6df9bd'],
  seed: 105,
  status: 'succeeded',
  trained_tokens: 6_720,
  training_file: 'file-5ee7a60743fb4f6886a005333bdfed4b',
  validation_file: null,
  estimated_finish: 1_748_022_078,
  integrations: null,
  metadata: null,
  method: null,
};
