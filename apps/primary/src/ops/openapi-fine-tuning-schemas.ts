const text = { type: 'string' } as const;
const maybeText = { type: ['string', 'null'] } as const;
const count = { type: 'integer', minimum: 0 } as const;
const maybeCount = { type: ['integer', 'null'], minimum: 0 } as const;
const instant = { type: 'integer', description: 'Unix seconds.' } as const;
const maybeInstant = { type: ['integer', 'null'], description: 'Unix seconds.' } as const;
const list = (name: string) => ({
  type: 'object',
  required: ['object', 'data', 'has_more'],
  properties: {
    object: { const: 'list' },
    data: { type: 'array', items: { $ref: `#/components/schemas/${name}` } },
    has_more: { type: 'boolean' },
    first_id: maybeText,
    last_id: maybeText,
  },
});
const autoOr = (type: string) => ({ anyOf: [{ const: 'auto' }, { type }] });
const hyperparameters = {
  type: 'object',
  properties: {
    n_epochs: autoOr('integer'),
    batch_size: autoOr('integer'),
    learning_rate_multiplier: autoOr('number'),
  },
} as const;
const method = {
  type: 'object',
  required: ['type'],
  properties: {
    type: { enum: ['supervised', 'dpo'] },
    supervised: { type: 'object', properties: { hyperparameters } },
    dpo: { type: 'object', properties: { hyperparameters } },
  },
} as const;
const metadata = {
  type: ['object', 'null'],
  maxProperties: 16,
  additionalProperties: { ...text, maxLength: 512 },
} as const;

/** Fine-tuning jobs, as OpenAI's clients know them. */
export const FINE_TUNING_SCHEMAS = {
  NewFineTuningJob: {
    type: 'object',
    required: ['model', 'training_file'],
    additionalProperties: false,
    properties: {
      model: { ...text, description: 'One model, `provider:model`, of a provider with a fine-tuning API.' },
      training_file: { ...text, description: 'A file with the purpose `fine-tune`: one example a line, at least 10.' },
      validation_file: maybeText,
      suffix: { ...maybeText, maxLength: 64 },
      seed: maybeCount,
      hyperparameters,
      method,
      metadata,
      integrations: { type: ['array', 'null'], maxItems: 0 },
      min_rating: {
        type: 'number',
        description: 'Of conversations with a `rating` or `score`: those with at least this one are taken.',
      },
    },
  },
  FineTuningJob: {
    type: 'object',
    required: ['object', 'id', 'model', 'created_at', 'status', 'training_file', 'fine_tuned_model'],
    properties: {
      object: { const: 'fine_tuning.job' },
      id: text,
      model: text,
      created_at: instant,
      finished_at: maybeInstant,
      fine_tuned_model: { ...maybeText, description: '`provider:model`: ask for it by this name.' },
      organization_id: text,
      result_files: { type: 'array', items: text },
      status: { enum: ['validating_files', 'queued', 'running', 'succeeded', 'failed', 'cancelled'] },
      training_file: text,
      validation_file: maybeText,
      hyperparameters,
      method,
      trained_tokens: maybeCount,
      error: {
        type: ['object', 'null'],
        properties: { code: text, message: text, param: maybeText },
      },
      user_provided_suffix: maybeText,
      seed: count,
      estimated_finish: maybeInstant,
      integrations: { type: 'array', items: { type: 'object' } },
      metadata,
      moltbot: {
        type: 'object',
        properties: {
          provider: text,
          provider_job: { ...maybeText, description: 'What the provider calls the job.' },
          provider_result_files: { type: 'array', items: text },
          data_set: { type: ['object', 'null'], description: 'What the files hold, once they were read.' },
          min_rating: { type: ['number', 'null'] },
          cancel_requested_at: maybeInstant,
          waiting_for_provider: {
            type: ['object', 'null'],
            description: 'Why the provider can not be asked at present.',
            properties: { code: text, since: instant },
          },
        },
      },
    },
  },
  FineTuningJobList: list('FineTuningJob'),
  FineTuningEvent: {
    type: 'object',
    required: ['object', 'id', 'created_at', 'level', 'message'],
    properties: {
      object: { const: 'fine_tuning.job.event' },
      id: text,
      created_at: instant,
      level: { enum: ['info', 'warn', 'error'] },
      type: { enum: ['message', 'metrics'] },
      message: text,
      data: { type: ['object', 'null'] },
    },
  },
  FineTuningEventList: list('FineTuningEvent'),
  FineTuningCheckpoint: {
    type: 'object',
    required: ['object', 'id', 'created_at', 'fine_tuned_model_checkpoint', 'fine_tuning_job_id', 'step_number'],
    properties: {
      object: { const: 'fine_tuning.job.checkpoint' },
      id: text,
      created_at: instant,
      fine_tuned_model_checkpoint: { ...text, description: '`provider:model`: ask for it by this name.' },
      fine_tuning_job_id: text,
      step_number: count,
      metrics: { type: 'object', additionalProperties: { type: 'number' } },
    },
  },
  FineTuningCheckpointList: list('FineTuningCheckpoint'),
} as const;
