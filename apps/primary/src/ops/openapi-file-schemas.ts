import { BATCH_ENDPOINTS } from '@moltbot/contracts';

const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const instant = { type: 'integer', description: 'Unix seconds.' } as const;
const maybeInstant = { type: ['integer', 'null'], description: 'Unix seconds.' } as const;
const maybeText = { type: ['string', 'null'] } as const;
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const page = (name: string) => ({
  type: 'object',
  required: ['object', 'data', 'has_more'],
  properties: {
    object: { const: 'list' },
    data: { type: 'array', items: ref(name) },
    has_more: { type: 'boolean' },
    first_id: maybeText,
    last_id: maybeText,
  },
});
const purposes = ['batch', 'fine-tune', 'user_data', 'assistants', 'vision', 'evals', 'logs'] as const;
const metadata = {
  type: ['object', 'null'],
  maxProperties: 16,
  additionalProperties: { ...text, maxLength: 512 },
} as const;

/** Files and batches, as OpenAI's clients know them. */
export const FILE_SCHEMAS = {
  NewFile: {
    type: 'object',
    required: ['file', 'purpose'],
    properties: {
      file: {
        type: 'string',
        contentMediaType: 'application/octet-stream',
        description: 'At most `objects.max_size`.',
      },
      purpose: { enum: purposes },
      'expires_after[anchor]': { const: 'created_at' },
      'expires_after[seconds]': { type: 'integer', minimum: 3_600, maximum: 2_592_000 },
    },
  },
  File: {
    type: 'object',
    required: ['id', 'object', 'bytes', 'created_at', 'filename', 'purpose', 'status'],
    properties: {
      id: text,
      object: { const: 'file' },
      bytes: count,
      created_at: instant,
      expires_at: maybeInstant,
      filename: text,
      purpose: { enum: [...purposes, 'batch_output'] },
      status: { const: 'processed' },
      status_details: { type: 'null' },
      sha256: { ...maybeText, description: 'Hex.' },
    },
  },
  FileList: page('File'),
  DeletedFile: {
    type: 'object',
    required: ['id', 'object', 'deleted'],
    properties: { id: text, object: { const: 'file' }, deleted: { const: true } },
  },
  NewBatch: {
    type: 'object',
    required: ['input_file_id', 'endpoint'],
    additionalProperties: false,
    properties: {
      input_file_id: { ...text, description: 'A file with the purpose `batch`: one request a line.' },
      endpoint: { enum: BATCH_ENDPOINTS },
      completion_window: { ...text, default: '24h', description: 'A length of time, 1s to 7d.' },
      metadata,
      output_expires_after: {
        type: 'object',
        properties: {
          anchor: { const: 'created_at' },
          seconds: { type: 'integer', minimum: 3_600, maximum: 2_592_000 },
        },
      },
    },
  },
  Batch: {
    type: 'object',
    required: ['id', 'object', 'endpoint', 'input_file_id', 'completion_window', 'status', 'created_at'],
    properties: {
      id: text,
      object: { const: 'batch' },
      endpoint: text,
      errors: { type: ['object', 'null'], description: 'Why the batch as a whole failed.' },
      input_file_id: text,
      completion_window: text,
      status: {
        enum: ['validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled'],
      },
      output_file_id: maybeText,
      error_file_id: maybeText,
      created_at: instant,
      in_progress_at: maybeInstant,
      expires_at: maybeInstant,
      finalizing_at: maybeInstant,
      completed_at: maybeInstant,
      failed_at: maybeInstant,
      expired_at: maybeInstant,
      cancelling_at: maybeInstant,
      cancelled_at: maybeInstant,
      request_counts: {
        type: 'object',
        properties: { total: count, completed: count, failed: count },
      },
      metadata,
    },
  },
  BatchList: page('Batch'),
} as const;
