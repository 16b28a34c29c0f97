import { ADMIN_OPERATIONS } from './openapi-admin.js';
import { CREDENTIAL_OPERATIONS } from './openapi-credentials.js';
import { FILE_OPERATIONS } from './openapi-files.js';
import { FINE_TUNING_OPERATIONS } from './openapi-fine-tuning.js';
import { JOB_OPERATIONS } from './openapi-jobs.js';
import type { Operation } from './openapi-operation.js';
import { SCHEMAS, type SchemaName } from './openapi-schemas.js';

const OPERATIONS: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    summary: 'Chat, in OpenAI’s dialect, on any model',
    tag: 'chat',
    body: 'ChatCompletionRequest',
    answer: 'ChatCompletion',
    streams: true,
    error: 'OpenAiError',
  },
  {
    method: 'post',
    path: '/v1/responses',
    summary: 'Chat, in the dialect of OpenAI’s responses, on any model',
    tag: 'chat',
    body: 'ResponsesRequest',
    answer: 'Response',
    streams: true,
    error: 'OpenAiError',
  },
  {
    method: 'post',
    path: '/v1/messages',
    summary: 'Chat, in Anthropic’s dialect, on any model',
    tag: 'chat',
    body: 'MessagesRequest',
    answer: 'Message',
    streams: true,
    error: 'AnthropicError',
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    summary: 'Count the tokens of a request without an answer',
    tag: 'chat',
    body: 'MessagesRequest',
    answer: 'CountTokensAnswer',
    error: 'AnthropicError',
  },
  {
    method: 'post',
    path: '/v1/embeddings',
    summary: 'Embeddings, in OpenAI’s dialect',
    tag: 'embeddings',
    body: 'EmbeddingsRequest',
    answer: 'Embeddings',
    error: 'OpenAiError',
  },
  {
    method: 'get',
    path: '/v1/models',
    summary: 'Chains and models, readable to both vendors’ clients',
    tag: 'models',
    answer: 'ModelList',
    error: 'OpenAiError',
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    summary: 'One chain or model',
    tag: 'models',
    answer: 'Model',
    error: 'OpenAiError',
    parameters: [
      { name: 'id', in: 'path', required: true, description: '`default`, a chain, `provider:model` or a bare name' },
    ],
  },
  {
    method: 'get',
    path: '/health',
    summary: 'Whether the process lives',
    tag: 'operations',
    answer: 'Health',
    error: 'Health',
  },
  {
    method: 'get',
    path: '/ready',
    summary: 'Whether it takes requests',
    tag: 'operations',
    answer: 'Health',
    error: 'Health',
  },
  ...JOB_OPERATIONS,
  ...FILE_OPERATIONS,
  ...FINE_TUNING_OPERATIONS,
  ...ADMIN_OPERATIONS,
  ...CREDENTIAL_OPERATIONS,
];

const ANSWER_HEADERS = {
  'x-request-id': 'Id of the request, in logs and in the ledger too.',
  'x-moltbot-model': 'The model that answered, `provider:model`.',
  'x-moltbot-attempts': 'Calls made upstream for this answer.',
  'x-moltbot-fallback': 'First model asked -> the one that answered; the reason’s code.',
  'x-moltbot-cost': 'Cost of the answer where a price is configured.',
  'x-moltbot-dropped-params': 'Fields of the request that the model can’t take.',
};

export type OpenApiDocument = ReturnType<typeof openApiDocument>;

/** The API as an OpenAPI 3.1 document; pure. */
export function openApiDocument(version: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method] = toOperation(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'MoltBot',
      version,
      description: 'One door to many language models, which keeps answering when one of them fails.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...new Set(OPERATIONS.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
    security: [{ bearer: [] }, { apiKey: [] }, {}],
  };
}

function toOperation(operation: Operation) {
  const {
    summary,
    tag,
    form = false,
    bytes = false,
    body,
    bodyOptional = false,
    answer,
    status = 200,
    streams,
    error,
    parameters,
  } = operation;
  const json = (name: SchemaName) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } });
  return {
    summary,
    tags: [tag],
    ...(parameters && { parameters: parameters.map((parameter) => ({ ...parameter, schema: { type: 'string' } })) }),
    ...(body && {
      requestBody: {
        required: !bodyOptional,
        content: form ? { 'multipart/form-data': { schema: { $ref: `#/components/schemas/${body}` } } } : json(body),
      },
    }),
    responses: {
      [status]: {
        description: streams
          ? 'The answer; with `stream: true` as server-sent events of the same dialect.'
          : 'The answer.',
        ...((tag === 'chat' || tag === 'embeddings') &&
          body && {
            headers: Object.fromEntries(
              Object.entries(ANSWER_HEADERS).map(([name, description]) => [
                name,
                { description, schema: { type: 'string' } },
              ]),
            ),
          }),
        content: bytes
          ? { 'application/octet-stream': { schema: { type: 'string', contentMediaType: 'application/octet-stream' } } }
          : { ...json(answer), ...(streams && { 'text/event-stream': { schema: { type: 'string' } } }) },
      },
      default: { description: 'An error of the table in docs/errors.md.', content: json(error) },
    },
  };
}
