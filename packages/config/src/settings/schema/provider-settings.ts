import { isProviderName, PROVIDER_KINDS } from '@moltbot/contracts';
import { z } from 'zod';
import { baseUrl, headerName, headerValue, httpUrl, NAME_EXPECTED, proxy } from '../setting-values.js';

const price = z.strictObject({
  input: z.number().min(0).describe('Per million input tokens.'),
  output: z.number().min(0).describe('Per million output tokens.'),
  cached_input: z
    .number()
    .min(0)
    .optional()
    .describe('Per million input tokens read from the prompt cache; as `input` where not set.'),
  cache_write: z
    .number()
    .min(0)
    .optional()
    .describe('Per million input tokens written to the prompt cache; as `input` where not set.'),
  training: z.number().min(0).optional().describe('Per million trained tokens, where it is fine-tuned.'),
});

const providerModel = z.strictObject({
  upstream_name: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('The name to send, where it differs (an Azure deployment).'),
  api: z.enum(['chat', 'responses']).optional().describe('OpenAI only: the API this model is called by.'),
  context_window: z.int().min(1).optional().describe('Tokens; lets failover pick a model with room.'),
  max_output_tokens: z
    .int()
    .min(1)
    .optional()
    .describe('Sent where the provider demands a limit and the caller gave none.'),
  images: z.boolean().optional().describe('Takes images.'),
  tools: z.boolean().optional().describe('Takes tools.'),
  prefill: z
    .boolean()
    .optional()
    .describe('Continues an assistant message that it is given (first rung of the rescue ladder).'),
  price: price.optional().describe('What it costs, in any one currency.'),
});

const oauthEndpoints = z.strictObject({
  issuer: httpUrl
    .optional()
    .describe('The authorization server; its endpoints are discovered (RFC 8414, OpenID Connect Discovery).'),
  authorization_endpoint: httpUrl.optional().describe('Where people sign in; instead of discovery.'),
  token_endpoint: httpUrl.optional().describe('Where tokens are issued and refreshed; instead of discovery.'),
  device_authorization_endpoint: httpUrl.optional().describe('Where a device code is asked for (RFC 8628).'),
  revocation_endpoint: httpUrl.optional().describe('Where a token is given back at `moltbot auth logout` (RFC 7009).'),
  introspection_endpoint: httpUrl
    .optional()
    .describe('Where `moltbot auth status` asks whether a token is good (RFC 7662).'),
  client_auth: z
    .enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'])
    .optional()
    .describe('How the client proves itself; by default as its entry in auth.json allows.'),
  redirect_uri: httpUrl
    .optional()
    .describe('Registered at the provider; by default a free port of 127.0.0.1 is used (RFC 8252).'),
  audience: z.string().min(1).max(1_024).optional().describe('Sent as `audience` where the provider wants one.'),
  resource: z.string().min(1).max(1_024).optional().describe('Sent as `resource` (RFC 8707).'),
  authorize_params: z
    .record(z.string().min(1).max(128), z.string().max(4_096))
    .default({})
    .describe('Further parameters of the sign-in page (`prompt`, `access_type`).'),
  required_scopes: z
    .array(z.string().min(1).max(256))
    .max(64)
    .default([])
    .describe('What calls need; `moltbot doctor` compares it with what was granted.'),
});

const provider = z.strictObject({
  kind: z
    .enum(PROVIDER_KINDS)
    .optional()
    .describe('Which API it speaks; known for openai, anthropic, gemini, ollama, lmstudio, vllm, llamacpp and demo.'),
  base_url: baseUrl.optional().describe('Where the API is, as far as the version (`http://127.0.0.1:11434/v1`).'),
  api: z.enum(['chat', 'responses']).default('chat').describe('OpenAI only: the API its models are called by.'),
  auth_header: z
    .enum(['bearer', 'x-api-key', 'api-key', 'x-goog-api-key'])
    .optional()
    .describe('How the key is sent, where it differs from the kind’s own way (Azure: `api-key`).'),
  headers: z.record(headerName, headerValue).default({}).describe('Sent with every request to this provider.'),
  query: z
    .record(z.string().min(1).max(256), z.string().max(4_096))
    .default({})
    .describe('Query parameters of every request (Azure: `api-version`).'),
  oauth: oauthEndpoints.optional().describe('Where its accounts of type `oauth` sign in.'),
  credential_order: z
    .enum(['ordered', 'least_recently_used'])
    .default('ordered')
    .describe('Which of several accounts is asked first: as in auth.json, or the one that rested longest.'),
  proxy: proxy.optional().describe('The proxy to it, token host included, instead of the system’s; `direct` is none.'),
  ca_file: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe('PEM file of further certificate authorities to trust for it (a company’s own, an inspecting proxy’s).'),
  requires_credential: z
    .boolean()
    .optional()
    .describe('Whether calls need an entry in auth.json; local servers do not.'),
  stream_usage: z
    .boolean()
    .default(true)
    .describe('Ask for token counts at the end of a stream (`stream_options.include_usage`).'),
  max_connections: z.int().min(1).max(10_000).default(512).describe('Open connections to this provider.'),
  models: z
    .record(z.string().min(1).max(256), providerModel)
    .default({})
    .describe('Models this provider serves, by name.'),
});

export const providersSettings = z
  .record(z.string().refine(isProviderName, NAME_EXPECTED), provider)
  .refine((providers) => Object.keys(providers).length <= 256, 'expected at most 256 providers')
  .default({})
  .describe('Model services by name; the name is the part before the colon in `provider:model`.');
