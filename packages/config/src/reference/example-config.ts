import { type LeafShape, type SettingShape, settingsShape, type WrittenValue } from '../settings/setting-shape.js';

/** Values for settings without a default, and names for what the user names. A test keeps it complete. */
const EXAMPLES: Readonly<Record<string, WrittenValue>> = {
  'models.policy_chain': 'careful',
  'models.chains.<name>': 'careful',
  'models.chains.<name>.primary': 'anthropic:claude-pro',
  'models.chains.<name>.fallbacks': ['openai:gpt-4-turbo'],
  'models.chains.<name>.policy_chain': 'default',
  'models.chains.<name>.retry_policy.max_attempts': 2,
  'models.chains.<name>.retry_policy.backoff_factor': 2,
  'models.chains.<name>.retry_policy.initial_backoff': '250ms',
  'models.chains.<name>.retry_policy.max_backoff': '2s',
  'models.chains.<name>.retry_policy.max_total_wait': '5s',
  'models.chains.<name>.timeouts.connect': '2s',
  'models.chains.<name>.timeouts.headers': '10s',
  'models.chains.<name>.timeouts.answer': '1m',
  'models.chains.<name>.timeouts.first_content': '15s',
  'models.chains.<name>.timeouts.gap': '20s',
  'models.chains.<name>.timeouts.total': '2m',
  'warmup.prompts.<name>': 'support',
  'warmup.prompts.<name>.file': 'prompts/support.md',
  'warmup.prompts.<name>.models': ['default'],
  'logs.syslog.url': 'tls://logs.example.com:6514',
  'logs.syslog.hostname': 'moltbot-1',
  'logs.syslog.ca_file': '/etc/ssl/company.pem',
  'logs.syslog.cert_file': '/etc/moltbot/syslog.pem',
  'logs.syslog.key_file': '/etc/moltbot/syslog.key',
  'logs.syslog.server_name': 'logs.example.com',
  'tracing.otlp_endpoint': 'http://127.0.0.1:4318/v1/traces',
  'tracing.headers.<name>': 'my-team',
  'tracing.attributes.<name>': 'production',
  'drill.schedule': '30 4 * * *',
  'worker.queues.<name>': 'default',
  'worker.queues.<name>.concurrency': 8,
  'providers.<name>': 'my-server',
  'providers.<name>.kind': 'openai-compatible',
  'providers.<name>.base_url': 'http://127.0.0.1:8000/v1',
  'providers.<name>.auth_header': 'bearer',
  'providers.<name>.headers.<name>': 'my-team',
  'providers.<name>.query.<name>': '2024-10-21',
  'providers.<name>.requires_credential': false,
  'providers.<name>.models.<name>': 'my-model',
  'providers.<name>.models.<name>.upstream_name': 'my-model-v2',
  'providers.<name>.models.<name>.api': 'chat',
  'providers.<name>.models.<name>.context_window': 128_000,
  'providers.<name>.models.<name>.max_output_tokens': 8_192,
  'providers.<name>.models.<name>.images': true,
  'providers.<name>.models.<name>.tools': true,
  'providers.<name>.models.<name>.prefill': false,
  'providers.<name>.models.<name>.price.input': 3,
  'providers.<name>.models.<name>.price.output': 15,
  'providers.<name>.models.<name>.price.cached_input': 0.3,
  'providers.<name>.models.<name>.price.cache_write': 3.75,
  'providers.<name>.models.<name>.price.training': 25,
  'providers.<name>.oauth.issuer': 'https://login.example.com',
  'providers.<name>.oauth.authorization_endpoint': 'https://login.example.com/authorize',
  'providers.<name>.oauth.token_endpoint': 'https://login.example.com/token',
  'providers.<name>.oauth.device_authorization_endpoint': 'https://login.example.com/device',
  'providers.<name>.oauth.revocation_endpoint': 'https://login.example.com/revoke',
  'providers.<name>.oauth.client_auth': 'client_secret_basic',
  'providers.<name>.oauth.introspection_endpoint': 'https://login.example.com/introspect',
  'providers.<name>.oauth.redirect_uri': 'http://127.0.0.1:8899/callback',
  'providers.<name>.oauth.audience': 'https://models.example.com',
  'providers.<name>.oauth.resource': 'https://models.example.com',
  'providers.<name>.oauth.authorize_params.<name>': 'consent',
  'providers.<name>.proxy': 'http://proxy.example.com:3128',
  'providers.<name>.ca_file': '/etc/ssl/company.pem',
  'server.oidc.issuer': 'https://login.example.com',
  'server.oidc.audience': 'moltbot',
  'server.oidc.jwks_uri': 'https://login.example.com/keys',
  'server.oidc.roles.<name>': 'staff',
  'server.oidc.roles.<name>.scopes': ['chat'],
  'server.oidc.roles.<name>.models': ['default'],
  'server.oidc.roles.<name>.limits.requests_per_minute': 60,
  'server.oidc.roles.<name>.limits.tokens_per_minute': 100_000,
  'server.oidc.roles.<name>.limits.parallel_requests': 8,
  'server.oidc.roles.<name>.limits.budget_per_day': 5,
  'server.oidc.roles.<name>.limits.budget_per_month': 50,
  'objects.access_key_id': 'moltbot',
  'objects.secret_access_key': 'your-secret',
  'local_models.models.<name>': 'my-model',
  'local_models.models.<name>.file': 'models/my-model.gguf',
  'local_models.models.<name>.sha256': '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  'local_models.models.<name>.max_output_tokens': 1_024,
  'local_models.threads': 4,
  'log_analysis.folders': ['/var/log/my-app'],
  'logs.file': '/var/log/moltbot/moltbot.log',
};

/** Names in records of plain text. */
const RECORD_NAMES: Readonly<Record<string, string>> = {
  'providers.<name>.headers': 'x-team',
  'providers.<name>.query': 'api-version',
  'providers.<name>.oauth.authorize_params': 'prompt',
  'tracing.headers': 'x-team',
  'tracing.attributes': 'deployment.environment.name',
};

const HEADER = `# The whole of config.yml with the product's defaults: every line may be left out.
# Lines that begin with # and no space are examples of what has no default.
`;

const WIDTH = 110;

/** A complete config.yml that sets nothing but defaults, with every description as a comment. */
export function exampleConfig(): string {
  return `${HEADER}${[...render({ shape: settingsShape(), path: [], indent: '', off: false })].join('\n')}\n`;
}

interface Place {
  readonly shape: SettingShape;
  readonly path: readonly string[];
  readonly indent: string;
  /** Whether the lines are written as comments. */
  readonly off: boolean;
}

function* render({ shape, path, indent, off }: Place): Generator<string> {
  if (shape.node !== 'object') return;
  for (const [name, field] of shape.fields) {
    const fieldPath = [...path, name];
    if (path.length === 0) yield '';
    yield* wrapped(field.description, indent);
    yield* renderField({ shape: field, path: fieldPath, indent, off }, name);
  }
}

function* renderField(place: Place, name: string): Generator<string> {
  const { shape, path, indent, off } = place;
  if (shape.node === 'leaf') {
    yield leafLine({ leaf: shape, path, indent, off, name });
  } else if (shape.node === 'object' && shape.optional && !off) {
    // Parts of it may be demanded once it is there: an example as a whole too.
    const block = [`${name}:`, ...render({ shape, path, indent: '  ', off: true })];
    yield* block.map((line) => `${indent}#${line}`);
  } else if (shape.node === 'object') {
    yield `${indent}${name}:`;
    yield* render({ shape, path, indent: `${indent}  `, off });
  } else {
    // What the user names has no default: the block is an example as a whole.
    const block = [...renderRecord({ shape, path, indent: '', off: true }, name)];
    yield* off ? block.map((line) => indent + line) : block.map((line) => `${indent}#${line}`);
  }
}

function* renderRecord({ shape, path }: Place, name: string): Generator<string> {
  if (shape.node !== 'record') return;
  const entryPath = [...path, '<name>'];
  yield `${name}:`;
  if (shape.entry.node === 'leaf') {
    const entryName = RECORD_NAMES[path.join('.')] ?? 'name';
    yield `  ${entryName}: ${flow(EXAMPLES[entryPath.join('.')] ?? '')}`;
    return;
  }
  yield `  ${String(EXAMPLES[entryPath.join('.')] ?? 'name')}:`;
  yield* render({ shape: shape.entry, path: entryPath, indent: '    ', off: true });
}

function leafLine(options: {
  leaf: LeafShape;
  path: readonly string[];
  indent: string;
  off: boolean;
  name: string;
}): string {
  const { leaf, path, indent, off, name } = options;
  const value = leaf.default ?? EXAMPLES[path.join('.')] ?? '';
  const mark = leaf.default === undefined && !off ? '#' : '';
  return `${indent}${mark}${name}: ${flow(value)}`;
}

/** Text that YAML would read as something else is quoted. */
function flow(value: WrittenValue): string {
  if (typeof value === 'object') return `[${value.join(', ')}]`;
  return typeof value === 'string' && /^[\d.-]+$/.test(value) ? `'${value}'` : String(value);
}

function* wrapped(description: string, indent: string): Generator<string> {
  if (description === '') return;
  let line = `${indent}#`;
  for (const word of description.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      yield line;
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  yield line;
}
