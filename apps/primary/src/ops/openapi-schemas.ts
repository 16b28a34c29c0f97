import { ADMIN_SCHEMAS } from './openapi-admin-schemas.js';
import { CREDENTIAL_SCHEMAS } from './openapi-credential-schemas.js';
import { FILE_SCHEMAS } from './openapi-file-schemas.js';
import { FINE_TUNING_SCHEMAS } from './openapi-fine-tuning-schemas.js';
import { JOB_SCHEMAS } from './openapi-job-schemas.js';

/** JSON Schemas of what goes through the doors: the fields MoltBot itself reads; others pass where the target speaks the dialect. */
const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const modelChoice = {
  model: {
    ...text,
    description:
      '`default` or absent: the default chain. A name under `models.chains`: that chain. `provider:model`: that model alone. A bare model name: the one provider that serves it.',
    examples: ['default', 'openai:gpt-4-turbo', 'demo:assistant'],
  },
  models: {
    type: 'array',
    items: text,
    minItems: 1,
    maxItems: 32,
    description: 'An ordered chain for this request alone (an extension of ours; not passed on).',
  },
} as const;

export const SCHEMAS = {
  ...ADMIN_SCHEMAS,
  ...CREDENTIAL_SCHEMAS,
  ...FILE_SCHEMAS,
  ...FINE_TUNING_SCHEMAS,
  ...JOB_SCHEMAS,
  ChatCompletionRequest: {
    type: 'object',
    required: ['messages'],
    additionalProperties: true,
    properties: {
      ...modelChoice,
      messages: { type: 'array', minItems: 1, maxItems: 10_000, items: ref('ChatMessage') },
      stream: { type: 'boolean', default: false },
      stream_options: { type: 'object', properties: { include_usage: { type: 'boolean' } } },
      tools: { type: 'array', maxItems: 1_024, items: { type: 'object' } },
      tool_choice: {},
      parallel_tool_calls: { type: 'boolean' },
      response_format: { type: 'object' },
      reasoning_effort: text,
      max_completion_tokens: count,
      max_tokens: count,
      temperature: { type: 'number' },
      top_p: { type: 'number' },
      stop: { oneOf: [text, { type: 'array', items: text }] },
      seed: { type: 'integer' },
      n: { type: 'integer', minimum: 1 },
    },
  },
  ChatMessage: {
    type: 'object',
    required: ['role'],
    properties: {
      role: { enum: ['system', 'developer', 'user', 'assistant', 'tool'] },
      content: { description: 'A text, or a list of text and image parts.' },
      tool_calls: { type: 'array', items: { type: 'object' } },
      tool_call_id: text,
    },
  },
  ChatCompletion: {
    type: 'object',
    required: ['id', 'object', 'created', 'model', 'choices'],
    properties: {
      id: text,
      object: { const: 'chat.completion' },
      created: count,
      model: { ...text, description: 'The model that answered.' },
      choices: { type: 'array', items: { type: 'object' } },
      usage: { type: 'object' },
    },
  },
  ResponsesRequest: {
    type: 'object',
    additionalProperties: true,
    properties: {
      ...modelChoice,
      input: {
        oneOf: [text, { type: 'array', minItems: 1, maxItems: 10_000, items: { type: 'object' } }],
        description: 'A text, or the items of the conversation so far: messages, reasoning, calls and their results.',
      },
      instructions: text,
      stream: { type: 'boolean', default: false },
      store: {
        type: 'boolean',
        description: 'MoltBot keeps no responses: heeded by OpenAI alone, where the body goes there as it is.',
      },
      previous_response_id: {
        ...text,
        description: 'Only where a model behind OpenAI’s responses API answers; so are `conversation` and `prompt`.',
      },
      background: { type: 'boolean', description: 'Refused where it is true: no response is kept.' },
      tools: {
        type: 'array',
        maxItems: 1_024,
        items: { type: 'object' },
        description: 'Functions; OpenAI’s own tools only where its responses API answers.',
      },
      tool_choice: {},
      parallel_tool_calls: { type: 'boolean' },
      text: { type: 'object', description: '`format`: plain text, JSON, or JSON by a schema.' },
      reasoning: {
        type: 'object',
        properties: { effort: text, summary: { enum: ['auto', 'concise', 'detailed'] } },
      },
      include: { type: 'array', items: text },
      max_output_tokens: { type: 'integer', minimum: 1 },
      temperature: { type: 'number' },
      top_p: { type: 'number' },
      metadata: { type: 'object', additionalProperties: text },
    },
  },
  Response: {
    type: 'object',
    required: ['id', 'object', 'created_at', 'status', 'model', 'output', 'usage'],
    properties: {
      id: text,
      object: { const: 'response' },
      created_at: count,
      status: { enum: ['completed', 'incomplete'] },
      incomplete_details: { type: ['object', 'null'], properties: { reason: text } },
      model: { ...text, description: 'The model that answered.' },
      output: { type: 'array', items: { type: 'object' } },
      store: { type: 'boolean' },
      usage: { type: ['object', 'null'] },
    },
  },
  MessagesRequest: {
    type: 'object',
    required: ['messages', 'max_tokens'],
    additionalProperties: true,
    properties: {
      ...modelChoice,
      messages: { type: 'array', minItems: 1, items: { type: 'object' } },
      system: { description: 'A text, or a list of text blocks.' },
      max_tokens: { type: 'integer', minimum: 1 },
      stream: { type: 'boolean', default: false },
      tools: { type: 'array', items: { type: 'object' } },
      tool_choice: { type: 'object' },
      thinking: { type: 'object' },
      temperature: { type: 'number' },
      top_p: { type: 'number' },
      top_k: { type: 'integer' },
      stop_sequences: { type: 'array', items: text },
    },
  },
  Message: {
    type: 'object',
    required: ['id', 'type', 'role', 'model', 'content', 'stop_reason', 'usage'],
    properties: {
      id: text,
      type: { const: 'message' },
      role: { const: 'assistant' },
      model: text,
      content: { type: 'array', items: { type: 'object' } },
      stop_reason: { type: ['string', 'null'] },
      usage: { type: 'object' },
    },
  },
  CountTokensAnswer: { type: 'object', required: ['input_tokens'], properties: { input_tokens: count } },
  EmbeddingsRequest: {
    type: 'object',
    required: ['input'],
    properties: {
      model: text,
      input: { oneOf: [text, { type: 'array', minItems: 1, maxItems: 2_048 }] },
      encoding_format: { enum: ['float', 'base64'] },
      dimensions: { type: 'integer', minimum: 1 },
    },
  },
  Embeddings: {
    type: 'object',
    required: ['object', 'data', 'model'],
    properties: {
      object: { const: 'list' },
      data: { type: 'array', items: { type: 'object' } },
      model: text,
      usage: { type: 'object' },
    },
  },
  Model: {
    type: 'object',
    required: ['id', 'object', 'type'],
    properties: {
      id: { ...text, description: '`default`, a chain’s name, or `provider:model`.' },
      object: { const: 'model' },
      type: { const: 'model' },
      created: count,
      created_at: { ...text, format: 'date-time' },
      owned_by: text,
      display_name: text,
      moltbot: {
        type: 'object',
        properties: {
          kind: { enum: ['chain', 'model'] },
          members: { type: 'array', items: text },
          ready: { type: 'boolean' },
          state: {
            enum: ['cold', 'loading', 'warm', 'failed'],
            description: 'Of models that this machine runs itself.',
          },
          load_ms: { type: 'integer', description: 'How long the last load took.' },
          memory_bytes: { type: 'integer' },
          error: { type: 'string', description: 'Code of why it could not be loaded.' },
        },
      },
    },
  },
  ModelList: {
    type: 'object',
    required: ['object', 'data'],
    properties: {
      object: { const: 'list' },
      data: { type: 'array', items: ref('Model') },
      has_more: { type: 'boolean' },
    },
  },
  OpenAiError: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['message', 'type', 'code'],
        properties: { message: text, type: text, code: text, param: { type: ['string', 'null'] } },
      },
    },
  },
  AnthropicError: {
    type: 'object',
    required: ['type', 'error'],
    properties: {
      type: { const: 'error' },
      error: { type: 'object', required: ['type', 'message'], properties: { type: text, message: text } },
      request_id: text,
    },
  },
  Health: {
    type: 'object',
    properties: { status: { enum: ['ok', 'error', 'shutting_down'] }, details: { type: 'object' } },
  },
} as const;

export type SchemaName = keyof typeof SCHEMAS;
