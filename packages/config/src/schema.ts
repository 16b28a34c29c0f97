import { isAbsolute } from 'node:path';
import { isModelPermission, isProviderName, jobQueues, PROVIDER_KINDS, SCOPES } from '@moltbot/contracts';
import { z } from 'zod';
import { cronPattern } from './settings/cron-pattern.js';
import {
  baseUrl,
  byteSize,
  differencesOf,
  duration,
  headerName,
  headerValue,
  httpUrl,
  isHttpUrl,
  isRedisAddress,
  modelName,
  NAME_EXPECTED,
  port,
  proxy,
  proxyAddress,
  syslogUrl,
} from './settings/setting-values.js';

const retryPolicy = z.strictObject({
  max_attempts: z
    .int()
    .min(1)
    .max(10)
    .default(3)
    .describe('Attempts on one target; the repeats (this minus one) are shared by the whole chain.'),
  backoff_factor: z
    .number()
    .min(1)
    .max(10)
    .default(1.5)
    .describe('Each wait is at most this many times the one before.'),
  initial_backoff: duration('500ms', { max: 60_000 }).describe(
    'Upper bound of the first wait (full jitter: the wait is random between 0 and the bound).',
  ),
  max_backoff: duration('8s', { max: 300_000 }).describe('Upper bound of any wait.'),
  max_total_wait: duration('20s', { max: 600_000 }).describe(
    'All waits of one request together; a Retry-After beyond it moves to the next target at once.',
  ),
});

const timeouts = z.strictObject({
  connect: duration('5s', { min: 10 }).describe('To open a connection, TLS included.'),
  headers: duration('30s', { min: 10 }).describe('From the request to the response headers of a streamed answer.'),
  answer: duration('5m', { min: 10 }).describe('From the request to the last byte of an answer that is not streamed.'),
  first_content: duration('60s', { min: 10 }).describe(
    'From before the connection to the first content of a streamed answer; role-only events and keep-alives do not stop it.',
  ),
  gap: duration('60s', { min: 10 }).describe('Between two contents of a stream.'),
  total: duration('10m', { min: 10 }).describe('The deadline of the whole request, over all attempts.'),
});

const chain = z.strictObject({
  primary: modelName.describe('The model that is asked first.'),
  fallbacks: z.array(modelName).max(32).default([]).describe('Asked in this order when the one before is unavailable.'),
  retry_policy: differencesOf(retryPolicy).optional().describe('What differs from `models.retry_policy`.'),
  timeouts: differencesOf(timeouts).optional().describe('What differs from `timeouts`.'),
  policy_chain: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('Name of the chain that is asked when a provider refuses the content.'),
});

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

/** Limits of one caller; what is not set is not limited. */
export const keyLimits = z.strictObject({
  requests_per_minute: z.int().min(1).max(1_000_000_000).optional().describe('Requests a minute.'),
  tokens_per_minute: z.int().min(1).max(1_000_000_000_000).optional().describe('Tokens a minute, in and out together.'),
  parallel_requests: z.int().min(1).max(1_000_000).optional().describe('Requests at the same time.'),
  budget_per_day: z
    .number()
    .positive()
    .max(1e12)
    .optional()
    .describe('Money a day (UTC), in the currency of the prices.'),
  budget_per_month: z.number().positive().max(1e12).optional().describe('Money a calendar month (UTC).'),
});

/** Models and chains that a caller may name. */
export const modelPermissions = z
  .array(
    z
      .string()
      .refine(
        isModelPermission,
        'expected the name of a chain or model, `provider:model` or `provider:*` (there is no other pattern)',
      ),
  )
  .max(256);

const role = z.strictObject({
  scopes: z.array(z.enum(SCOPES)).min(1).describe('What it may do.'),
  models: modelPermissions
    .optional()
    .describe('Models (`provider:model`, `provider:*`) and chains (`default` too) it may use; all where not set.'),
  limits: keyLimits.optional().describe('Limits of each person who has it.'),
});

const oidc = z.strictObject({
  issuer: httpUrl.describe('Issuer of the tokens (`iss`); its keys are discovered.'),
  audience: z.string().min(1).max(1_024).describe('What `aud` must name: this server.'),
  jwks_uri: httpUrl.optional().describe('Where the issuer’s keys are, instead of discovery.'),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256', 'ES256', 'EdDSA'])
    .describe('Signatures that are taken.'),
  clock_tolerance: duration('30s', { max: 600_000 }).describe('How far the clocks of issuer and server may differ.'),
  roles_claim: z
    .string()
    .min(1)
    .max(256)
    .default('roles')
    .describe('The claim that lists roles; dots go deeper (`realm_access.roles`).'),
  name_claim: z.string().min(1).max(256).default('email').describe('The claim shown in logs and lists; else `sub`.'),
  roles: z
    .record(z.string().min(1).max(256), role)
    .refine((roles) => Object.keys(roles).length <= 256, 'expected at most 256 roles')
    .default({})
    .describe('What each role of the claim may do; somebody with none of them is refused.'),
});

const localModel = z.strictObject({
  file: z
    .string()
    .min(1)
    .max(4_096)
    .describe(
      'A GGUF file: a path (a relative one begins in the folder of config.yml), or `object:KEY` for one in the object store, which is fetched once and kept on disk.',
    ),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case')
    .optional()
    .describe('Checksum that the file must have.'),
  context: z
    .int()
    .min(64)
    .max(10_000_000)
    .default(4_096)
    .describe('Tokens of one conversation, question and answer together; memory grows with it.'),
  parallel: z.int().min(1).max(64).default(2).describe('Answers at the same time; others wait their turn.'),
  max_output_tokens: z
    .int()
    .min(1)
    .optional()
    .describe('Longest answer; without it an answer may fill what is left of `context`.'),
});

/** The whole of `config.yml`. Defaults are the product's; `docs/configuration.md` is generated from this. */
export const settingsSchema = z.strictObject({
  models: z
    .strictObject({
      primary: modelName.default('demo:assistant').describe('The model that is asked first.'),
      fallbacks: z
        .array(modelName)
        .max(32)
        .default([])
        .describe('Asked in this order when the one before is unavailable.'),
      retry_policy: retryPolicy.prefault({}).describe('Repeats of a call that failed for a passing reason.'),
      fallback_for_explicit: z
        .boolean()
        .default(false)
        .describe('Whether a model that the caller named alone may be replaced by the default chain’s fallbacks.'),
      policy_chain: z
        .string()
        .min(1)
        .max(64)
        .optional()
        .describe('Name of the chain that is asked when a provider refuses the content.'),
      chains: z
        .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, NAME_EXPECTED), chain)
        .refine((chains) => Object.keys(chains).length <= 256, 'expected at most 256 chains')
        .default({})
        .describe('Further chains by name; a request names one as its model.'),
    })
    .prefault({})
    .describe('Which models answer, and in which order.'),
  model_load_timeout: duration('2m', { min: 100, max: 3_600_000 }).describe(
    'How long one model may take to load and answer in a warm-up.',
  ),
  providers: z
    .record(z.string().refine(isProviderName, NAME_EXPECTED), provider)
    .refine((providers) => Object.keys(providers).length <= 256, 'expected at most 256 providers')
    .default({})
    .describe('Model services by name; the name is the part before the colon in `provider:model`.'),
  timeouts: timeouts.prefault({}).describe('Time limits of one request; each has its own error.'),
  breaker: z
    .strictObject({
      failures: z
        .number()
        .min(1)
        .max(1_000)
        .default(5)
        .describe('Failures in a row within `window` that open it (a late first content counts half).'),
      window: duration('30s', { min: 100 }).describe('A failure older than this no longer counts.'),
      open_for: duration('5s', { min: 100 }).describe(
        'Until the first probe; at least this long between two probes of one cluster.',
      ),
      max_open_for: duration('2m', { min: 100 }).describe('The wait doubles with each failed probe up to this.'),
    })
    .prefault({})
    .describe('When a model that fails is left alone, and for how long.'),
  retry_budget: z
    .strictObject({
      ratio: z
        .number()
        .min(0)
        .max(10)
        .default(0.2)
        .describe('Repeats allowed per request of recent traffic, over all requests of the process.'),
      burst: z.int().min(0).max(10_000).default(20).describe('Repeats allowed without recent traffic.'),
    })
    .prefault({})
    .describe('Keeps an outage from becoming a storm of repeats.'),
  server: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
      port: port(8080).describe('Chat and API.'),
      metrics_port: port(9090).describe('`/metrics`, `/health` and `/ready` for operators.'),
      metrics_host: z
        .string()
        .min(1)
        .default('127.0.0.1')
        .describe(
          'Address of the metrics ports of both roles. No key is asked for there: open it to a scraper’s network only.',
        ),
      access: z
        .enum(['auto', 'open', 'api_key'])
        .default('auto')
        .describe(
          '`auto`: open on a loopback address, API keys elsewhere, and no start there before the first key is made; `api_key` starts also without one. `open` on other addresses is refused.',
        ),
      allowed_hosts: z
        .array(z.string().min(1).max(253))
        .max(256)
        .default([])
        .describe(
          'Further names in the Host header that are taken while access is open (guards against DNS rebinding).',
        ),
      trusted_proxies: z
        .array(proxyAddress)
        .max(64)
        .default([])
        .describe(
          'Proxies in front whose `X-Forwarded-For` is believed: addresses, networks, or `private` (those of RFC 1918, 4193 and this machine). The audit log then has the address of the caller.',
        ),
      oidc: oidc.optional().describe('Also take tokens of the organisation’s sign-in (JWT) instead of API keys.'),
      body_limit: byteSize('32mb').describe('Largest request body.'),
      header_limit: byteSize('16kb', { min: 1_024, max: 1_048_576 }).describe('Largest sum of request headers.'),
      header_timeout: duration('10s', { min: 100 }).describe('For a caller to send its headers.'),
      request_timeout: duration('60s', { min: 100 }).describe('For a caller to send its whole request.'),
      write_timeout: duration('60s', { min: 100 }).describe('A caller that reads nothing for this long is cut off.'),
      max_in_flight: z.int().min(1).default(4_096).describe('Requests answered at the same time; more get 503.'),
      drain_grace: duration('25s').describe('How long running answers may take after SIGTERM.'),
      drain_new: z
        .enum(['refuse', 'close'])
        .default('refuse')
        .describe(
          'What new requests get meanwhile: a 503 that says so (`refuse`), or no connection at all (`close`), so that a proxy in front asks another server at once.',
        ),
    })
    .prefault({})
    .describe('How this server is reached, and its own limits.'),
  worker: z
    .strictObject({
      concurrency: z
        .int()
        .min(1)
        .max(1_000)
        .default(4)
        .describe('Jobs of each queue at the same time, where `worker.queues` does not say otherwise.'),
      queues: z
        .record(
          z.string().refine((name) => jobQueues().includes(name), 'expected the name of a queue of docs/jobs.md'),
          z.strictObject({ concurrency: z.int().min(1).max(1_000).describe('Jobs of this queue at the same time.') }),
        )
        .default({})
        .describe('What differs for a queue.'),
      threads: z
        .int()
        .min(1)
        .max(64)
        .default(1)
        .describe('Threads for jobs that use the CPU: as many of them run at the same time.'),
      thread_memory: byteSize('512mb', { min: 16 * 1_048_576 }).describe(
        'Memory of a job in a thread; one that needs more fails alone.',
      ),
      metrics_port: port(9091).describe('`/metrics`, `/health` and `/ready` of the worker.'),
      drain_grace: duration('25s').describe('How long running jobs may take after SIGTERM.'),
      takeover_after: duration('15s', { min: 1_000, max: 600_000 }).describe(
        'A job whose worker has not been heard of for this long is given to another.',
      ),
      batch: z
        .strictObject({
          concurrency: z
            .int()
            .min(1)
            .max(1_000)
            .default(8)
            .describe('Requests of batches at the same time, all batches of a worker together.'),
          max_requests: z.int().min(1).max(1_000_000).default(50_000).describe('Requests of one batch.'),
          retention: duration('30d', { min: 1_000, max: 3_650 * 86_400_000 }).describe(
            'How long batches are shown after their end.',
          ),
        })
        .prefault({})
        .describe('Batches of requests (`/v1/batches`).'),
      training: z
        .strictObject({
          poll_interval: duration('30s', { min: 100, max: 3_600_000 }).describe(
            'How often a provider is asked how a fine-tuning job stands.',
          ),
          give_up_after: duration('24h', { min: 1_000, max: 30 * 86_400_000 }).describe(
            'A fine-tuning job fails when the provider could not be asked for so long.',
          ),
        })
        .prefault({})
        .describe('Fine-tuning jobs (`/v1/fine_tuning/jobs`).'),
    })
    .prefault({})
    .describe('The process for jobs.'),
  logs: z
    .strictObject({
      level: z
        .enum(['error', 'warn', 'info', 'debug'])
        .default('info')
        .describe('The least important level that is logged.'),
      format: z
        .enum(['auto', 'json', 'pretty'])
        .default('auto')
        .describe('`auto`: pretty on a terminal, JSON lines elsewhere.'),
      console: z.boolean().default(true).describe('Write lines to the standard output.'),
      content: z
        .boolean()
        .default(false)
        .describe(
          'Print what people and models wrote where a line has it, instead of its length. Secrets are never printed.',
        ),
      file: z.string().min(1).max(4_096).optional().describe('Also write JSON lines to this file.'),
      max_size: byteSize('10mb', { min: 1_024 }).describe('The file is rotated at this size.'),
      rotate: z
        .enum(['size', 'hourly', 'daily'])
        .default('size')
        .describe('When else the file is rotated: as soon as an hour or a day (UTC) has begun since its first line.'),
      max_files: z.int().min(1).max(1_000).default(5).describe('Rotated files kept.'),
      max_age: duration('0s', { max: 36_500 * 86_400_000 }).describe(
        'Rotated files are deleted when they are older than this, at the next rotation; `0s`: only when there are too many.',
      ),
      syslog: z
        .strictObject({
          url: syslogUrl
            .optional()
            .describe(
              'Also send lines to a syslog server (RFC 5424): `udp://HOST:514`, `tcp://HOST:514`, `tls://HOST:6514` or `unix:///PATH` (a stream socket).',
            ),
          facility: z
            .enum([
              'user',
              'daemon',
              'auth',
              'local0',
              'local1',
              'local2',
              'local3',
              'local4',
              'local5',
              'local6',
              'local7',
            ])
            .default('local0')
            .describe('The facility of the lines.'),
          format: z
            .enum(['json', 'text'])
            .default('json')
            .describe('What the message is: the JSON line, or its message and fields as text.'),
          app_name: z
            .string()
            .regex(/^[\x21-\x7e]{1,48}$/, 'expected at most 48 printable characters of ASCII without spaces')
            .default('moltbot')
            .describe('The name of the program in the lines.'),
          hostname: z
            .string()
            .regex(/^[\x21-\x7e]{1,255}$/, 'expected at most 255 printable characters of ASCII without spaces')
            .optional()
            .describe('The name of this machine in the lines, where it is not its own.'),
          structured_data_id: z
            .string()
            .regex(/^[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}$/, 'expected NAME@NUMBER, at most 32 characters')
            .default('moltbot@32473')
            .describe(
              'Names the structured data: `NAME@` and your private enterprise number (32473 is that of examples).',
            ),
          max_message: byteSize('7kb', { min: 480, max: 1_048_576 }).describe(
            'Longest message over TCP, TLS and Unix sockets; longer ones are shortened and counted.',
          ),
          max_datagram: byteSize('2kb', { min: 480, max: 65_000 }).describe('Longest message over UDP.'),
          buffer: byteSize('4mb', { min: 65_536 }).describe(
            'Lines kept for a server that is away or slow, and until it has read them; further ones are dropped and counted.',
          ),
          ca_file: z
            .string()
            .min(1)
            .max(4_096)
            .optional()
            .describe(
              'PEM file of the authorities that the server’s certificate may come from, instead of the system’s.',
            ),
          cert_file: z
            .string()
            .min(1)
            .max(4_096)
            .optional()
            .describe('PEM file of our own certificate, where it asks.'),
          key_file: z
            .string()
            .min(1)
            .max(4_096)
            .optional()
            .describe('PEM file of its key, where it is not in `cert_file`.'),
          server_name: z
            .string()
            .min(1)
            .max(253)
            .optional()
            .describe('The name that the server’s certificate must have, where it is not that of the URL.'),
        })
        .prefault({})
        .describe('A syslog server.'),
    })
    .prefault({})
    .describe('What is logged, and where to.'),
  tracing: z
    .strictObject({
      otlp_endpoint: httpUrl
        .optional()
        .describe(
          'Where spans are sent: OpenTelemetry’s protocol over HTTP as JSON, path included (`http://127.0.0.1:4318/v1/traces`). Without it nothing is traced. Also `OTEL_EXPORTER_OTLP_ENDPOINT`, see docs/tracing.md.',
        ),
      headers: z.record(headerName, headerValue).default({}).describe('Sent along with spans.'),
      sample_ratio: z
        .number()
        .min(0)
        .max(1)
        .default(1)
        .describe(
          'Part of the traces that begin here which is kept. A caller’s own `traceparent` decides for its trace.',
        ),
      service_name: z.string().min(1).max(255).default('moltbot').describe('`service.name` of the spans.'),
      attributes: z
        .record(z.string().min(1).max(255), z.string().max(1_024))
        .default({})
        .describe('Further attributes of the service (`deployment.environment.name`).'),
      propagate_to: z
        .array(z.string().min(1).max(64))
        .max(256)
        .default([])
        .describe('Providers that are sent `traceparent`, so that their own spans join ours. None unless named.'),
    })
    .prefault({})
    .describe('Traces by OpenTelemetry.'),
  storage: z
    .strictObject({
      url: z
        .string()
        .refine(
          (url) => url === 'embedded' || /^postgres(ql)?:\/\//.test(url),
          'expected `embedded` or a postgres:// URL',
        )
        .default('embedded')
        .describe('`embedded`: a PostgreSQL of our own under the home folder; else a postgres:// URL.'),
      audit_retention: duration('90d', { min: 1_000, max: 3_650 * 86_400_000 }).describe(
        'How long the audit log keeps its rows.',
      ),
      usage_retention: duration('400d', { min: 86_400_000, max: 36_500 * 86_400_000 }).describe(
        'How long the ledger keeps a row for each request and attempt; sums by hour and day stay.',
      ),
    })
    .prefault({})
    .describe('The database.'),
  objects: z
    .strictObject({
      url: z
        .string()
        .refine((url) => url === 'folder' || isHttpUrl(url), 'expected `folder` or the http(s):// URL of a bucket')
        .default('folder')
        .describe(
          '`folder`: under the home folder, for one machine; else the URL of a bucket of any service that speaks S3 (`https://s3.example.com/moltbot`).',
        ),
      region: z.string().min(1).max(64).default('auto').describe('Region that requests to the bucket are signed for.'),
      access_key_id: z.string().min(1).max(256).optional().describe('Who signs.'),
      secret_access_key: z
        .string()
        .min(1)
        .max(1_024)
        .optional()
        .describe('Its secret; better in the environment: `MOLTBOT_OBJECTS_SECRET_ACCESS_KEY`.'),
      max_size: byteSize('2gb', { max: 1_099_511_627_776 }).describe('Largest file that is taken.'),
      batch_file_retention: duration('30d', { min: 1_000, max: 3_650 * 86_400_000 }).describe(
        'How long files of batches are kept, in and out, where their request does not say.',
      ),
    })
    .prefault({})
    .describe('Files: uploads, results of jobs, model files.'),
  queue: z
    .strictObject({
      url: z
        .string()
        .refine(
          (url) => url === 'storage' || isRedisAddress(url) || /^postgres(ql)?:\/\//.test(url),
          'expected `storage`, a redis:// or a postgres:// URL',
        )
        .default('storage')
        .describe(
          '`storage`: the same database as `storage.url`; else a redis:// or postgres:// URL. Sentinels and clusters: docs/redis.md.',
        ),
    })
    .prefault({})
    .describe('Where jobs wait.'),
  limits: z
    .strictObject({
      assumed_output_tokens: z
        .int()
        .min(1)
        .max(10_000_000)
        .default(16_384)
        .describe(
          'Output tokens that a request under a budget is taken to cost at most, where neither the request nor `max_output_tokens` of the model says.',
        ),
      unpriced_models: z
        .enum(['refuse', 'free'])
        .default('refuse')
        .describe(
          'What callers with a budget may do with a model that has no `price`: nothing (`refuse`), or use it as if it cost nothing (`free`).',
        ),
    })
    .prefault({})
    .describe('How the budgets of callers are counted; the limits themselves stand with keys and roles.'),
  credentials: z
    .strictObject({
      store: z
        .string()
        .refine(
          (url) => ['auto', 'file', 'storage'].includes(url) || isRedisAddress(url),
          'expected `auto`, `file`, `storage` or a redis:// URL',
        )
        .default('auto')
        .describe(
          'Where tokens of providers are kept, sealed: `file` (one machine), `storage` (the database) or a redis:// URL. `auto`: `file` with the embedded database, else `storage`.',
        ),
      refresh_margin: duration('5m', { max: 86_400_000 }).describe(
        'A token is refreshed this long before it expires, but never before half of its life.',
      ),
      refresh_timeout: duration('10s', { min: 100, max: 60_000 }).describe('For one refresh at the token host.'),
    })
    .prefault({})
    .describe('Tokens of accounts that were signed in to.'),
  state: z
    .strictObject({
      url: z
        .string()
        .refine(
          (url) => url === 'auto' || url === 'memory' || isRedisAddress(url),
          'expected `auto`, `memory` or a redis:// URL',
        )
        .default('auto')
        .describe(
          'Where processes share breakers, limits and cool-downs: `memory` (each for itself) or a redis:// URL. `auto`: the Redis of `queue.url`, else `memory`.',
        ),
    })
    .prefault({})
    .describe('Short-lived state of several processes.'),
  drill: z
    .strictObject({
      schedule: cronPattern
        .optional()
        .describe(
          'When the worker breaks every chain on purpose (`moltbot drill`), as cron in UTC; never where not set.',
        ),
      form: z.enum(['full', 'quick']).default('full').describe('What of the drill the worker does.'),
      max_wait: duration('10m', { min: 100 }).describe('A drill fails where a user would wait longer for an answer.'),
    })
    .prefault({})
    .describe('Drills that the worker does by itself.'),
  warmup: z
    .strictObject({
      prompts: z
        .record(
          z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'expected lower-case letters, digits, - and _; at most 64'),
          z.strictObject({
            file: z
              .string()
              .min(1)
              .max(4_096)
              .describe(
                'A text (a system prompt), or a request in JSON (`.json`) whose beginning callers share: tools, system prompt, first messages. From the home folder where it is relative.',
              ),
            dialect: z
              .enum(['openai-chat', 'anthropic-messages'])
              .default('openai-chat')
              .describe('What a request in JSON is written in: what its callers use.'),
            models: z
              .array(z.string().min(1).max(321))
              .min(1)
              .max(32)
              .optional()
              .describe('Chains or models whose cache is filled; by default the default chain.'),
          }),
        )
        .refine((prompts) => Object.keys(prompts).length <= 32, 'expected at most 32 prompts')
        .default({})
        .describe('Long beginnings that many requests share: a warm-up puts them into the providers’ prompt caches.'),
      keep_prompts: z
        .boolean()
        .default(false)
        .describe(
          'Ask again every four minutes, before the providers forget (mostly after five). Each time costs cached input and a few tokens.',
        ),
    })
    .prefault({})
    .describe('What a warm-up does besides loading models.'),
  local_models: z
    .strictObject({
      models: z
        .record(
          z
            .string()
            .regex(
              /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/,
              'expected a letter or digit, then letters, digits, _ . : or -; at most 128',
            ),
          localModel,
        )
        .refine((models) => Object.keys(models).length <= 64, 'expected at most 64 models')
        .default({})
        .describe('Models that this machine runs itself, by name: the part after the colon in `local:NAME`.'),
      gpu: z
        .enum(['off', 'auto', 'metal', 'cuda', 'vulkan'])
        .default('off')
        .describe('What computes: the processor (`off`), the best there is (`auto`), or one kind of graphics card.'),
      threads: z
        .int()
        .min(1)
        .max(1_024)
        .optional()
        .describe(
          'Processor cores of one model; by default all but one. More than are free make it many times slower.',
        ),
      max_memory: byteSize('8gb', { max: 1_099_511_627_776 }).describe(
        'All loaded models together; idle ones are unloaded for another, the largest first.',
      ),
      max_file_size: byteSize('64gb', { max: 1_099_511_627_776 }).describe('Largest model file that is opened.'),
      idle_unload: duration('15m', { min: 100, max: 2_592_000_000 }).describe(
        'A model that nobody has asked for this long is unloaded.',
      ),
      cache_size: byteSize('64gb', { max: 1_099_511_627_776 }).describe(
        'Files from the object store that are kept on disk; the least recently used go first.',
      ),
    })
    .prefault({})
    .describe('Models in GGUF files that MoltBot runs by itself, each in a process of its own.'),
  log_analysis: z
    .strictObject({
      folders: z
        .array(
          z
            .string()
            .max(4_096)
            .refine((folder) => isAbsolute(folder), 'expected the absolute path of a folder'),
        )
        .max(64)
        .default([])
        .describe(
          'Folders of this machine whose files administrators may have analysed as a job; links that lead out of them are refused.',
        ),
      max_size: byteSize('8gb', { max: 1_099_511_627_776 }).describe('Largest input of a job, as it is stored.'),
      max_unpacked_size: byteSize('64gb', { max: 1_099_511_627_776 }).describe('Largest input of a job, unpacked.'),
    })
    .prefault({})
    .describe('Log analysis as a job.'),
  discovery: z
    .strictObject({
      local_servers: z
        .boolean()
        .default(true)
        .describe(
          'Look for model servers on this machine’s usual ports at start and offer them; they are never used unasked.',
        ),
    })
    .prefault({})
    .describe('What is looked for at start.'),
});

export type Settings = z.output<typeof settingsSchema>;
export type ProviderSettings = Settings['providers'][string];
export type ProviderModelSettings = ProviderSettings['models'][string];
export type OAuthEndpoints = NonNullable<ProviderSettings['oauth']>;
export type OidcSettings = NonNullable<Settings['server']['oidc']>;
/** Limits of one caller; what is not set is not limited. */
export type KeyLimits = z.output<typeof keyLimits>;
export type WarmupPrompt = Settings['warmup']['prompts'][string];
export type LocalModelsSettings = Settings['local_models'];
export type LocalModelSettings = LocalModelsSettings['models'][string];
export type RetryPolicy = Settings['models']['retry_policy'];
export type Timeouts = Settings['timeouts'];
