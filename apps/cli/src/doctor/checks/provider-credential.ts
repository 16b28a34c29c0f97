import { Secret, MoltbotError } from '@moltbot/contracts';
import type { SecretSource, StoredCredential } from '@moltbot/config';
import {
  type Check,
  configuredCheck,
  type ConfiguredContext,
  type Evidence,
  finding,
  type Observation,
} from '../check.js';
import { askModels, type ModelsAnswer } from '../measure/ask-models.js';
import type { MeasuredProvider } from '../measure/measurements.js';
import { codeOf } from '../measure/sign-in-endpoints.js';

const ASK_MS = 4_000;
const TIMEOUT_MS = 25_000;

/** Asks each provider with each of its keys, as a call would: an answer is the proof. */
export const providerCredential: Check = {
  ...configuredCheck('provider.credential', async (context, signal) => {
    const providers = await context.measured.providers(context.config);
    const observed = await Promise.all(providers.map(async (provider) => look(context, provider, signal)));
    return observed.flat();
  }),
  timeoutMs: TIMEOUT_MS,
};

async function look(
  context: ConfiguredContext,
  measured: MeasuredProvider,
  signal: AbortSignal,
): Promise<readonly Observation[]> {
  const { provider, credentials } = measured.route;
  const subject = provider.name;
  if (credentials.length === 0 && provider.requiresCredential) {
    const status = isUsed(context, subject) ? 'error' : 'warning';
    const evidence: readonly Evidence[] = [{ label: 'file', value: context.paths.authFile }];
    return [finding({ status, subject, code: 'key-missing', facts: { provider: subject }, evidence })];
  }
  const asked = credentials.length === 0 ? [undefined] : credentials;
  return Promise.all(asked.map(async (credential) => tryOne({ context, measured, credential, signal })));
}

async function tryOne(options: {
  readonly context: ConfiguredContext;
  readonly measured: MeasuredProvider;
  readonly credential: StoredCredential | undefined;
  readonly signal: AbortSignal;
}): Promise<Observation> {
  const { context, measured, credential, signal } = options;
  const { provider, network } = measured.route;
  const subject = credential?.id ?? provider.name;
  let token: Secret | undefined;
  if (credential !== undefined) {
    const { entry } = credential;
    if (context.readOnly && entry.type === 'api_key' && from(entry.key) === 'exec') {
      return { status: 'skipped', subject, reason: 'read-only' };
    }
    try {
      token = await context.signIns.tokenFor(credential.id);
    } catch (error) {
      return unreadable(credential, error);
    }
    if (token === undefined) return { status: 'skipped', subject, reason: 'not-signed-in' };
  }
  const reached = measured.routes.some(({ purpose, probe }) => purpose === 'models' && probe.fault === undefined);
  if (network === undefined || !reached) return { status: 'skipped', subject, reason: 'not-reached' };
  const connections = context.measured.network(network);
  const credentialType = credential?.entry.type;
  const answer = await askModels({ provider, token, credentialType, network: connections, timeoutMs: ASK_MS, signal });
  return judge({ subject, measured, credential, answer });
}

function judge(options: {
  readonly subject: string;
  readonly measured: MeasuredProvider;
  readonly credential: StoredCredential | undefined;
  readonly answer: ModelsAnswer;
}): Observation {
  const { subject, measured, credential, answer } = options;
  const { provider } = measured.route;
  const { url } = answer;
  if (answer.status === undefined) {
    const evidence: readonly Evidence[] = [
      { label: 'url', value: url },
      { label: 'error', value: answer.error },
    ];
    const facts = { host: new URL(url).host, code: answer.error };
    return finding({ status: 'error', subject, code: 'host-breaks-off', facts, evidence });
  }
  const { status, json, ms, insufficientScope } = answer;
  const evidence: readonly Evidence[] = [
    { label: 'url', value: `GET ${url} → HTTP ${status}${json ? '' : ', no JSON'}` },
    { label: 'latency', value: `${ms} ms` },
  ];
  const isAccount = credential?.entry.type === 'oauth';
  if (insufficientScope !== undefined && credential !== undefined) {
    const needed: readonly Evidence[] = [...evidence, { label: 'needed', value: insufficientScope }];
    const facts = { id: credential.id, needed: insufficientScope };
    return finding({ status: 'error', subject, code: 'scopes-refused', facts, evidence: needed });
  }
  if (status === 401 || status === 403) {
    if (credential === undefined) {
      return finding({ status: 'error', subject, code: 'key-missing', facts: { provider: provider.name }, evidence });
    }
    const facts = { id: credential.id, status };
    // A key that may do less than list models can still be good for chat.
    if (status === 403) return finding({ status: 'warning', subject, code: 'key-forbidden', facts, evidence });
    return finding({ status: 'error', subject, code: isAccount ? 'token-rejected' : 'key-rejected', facts, evidence });
  }
  if (status >= 500) {
    const facts = { provider: provider.name, url, status };
    return finding({ status: 'warning', subject, code: 'provider-failing', facts, evidence });
  }
  const isFound = status >= 200 && status <= 299;
  // Compatible servers need not list their models; vendors do, and nobody answers with a page.
  const mustList = provider.kind !== 'openai-compatible';
  if ((isFound && !json) || (status >= 300 && status <= 399) || (status === 404 && mustList)) {
    const what = isFound ? 'no JSON' : `HTTP ${status}`;
    const facts = { provider: provider.name, url, what };
    return finding({ status: 'warning', subject, code: 'no-models-api', facts, evidence });
  }
  return { status: 'ok', subject, evidence };
}

function unreadable({ id, entry }: StoredCredential, error: unknown): Observation {
  const reason = error instanceof MoltbotError ? error.message : codeOf(error);
  const source = entry.type === 'api_key' ? from(entry.key) : 'auth.json';
  const evidence: readonly Evidence[] = [{ label: 'error', value: reason }];
  if (error instanceof MoltbotError && error.code === 'secret_key_unavailable') {
    return finding({ status: 'error', subject: id, code: 'secret-key-missing', facts: { reason }, evidence });
  }
  return finding({
    status: 'error',
    subject: id,
    code: 'key-unreadable',
    facts: { id, from: source, reason },
    evidence,
  });
}

function from(source: SecretSource): string {
  return source instanceof Secret ? 'auth.json' : source.from;
}

function isUsed({ config }: ConfiguredContext, provider: string): boolean {
  const { primary, fallbacks, chains } = config.settings.models;
  const names = [primary, ...fallbacks, ...Object.values(chains).flatMap((one) => [one.primary, ...one.fallbacks])];
  return names.some((name) => name.startsWith(`${provider}:`));
}
