// A process that calls a provider as the primary does, with the built packages: it asks the vault for a token for each call, and
// for another one after a 401. Orders and reports go through the channel to its parent (caller-orders.ts).
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { SYSTEM_CLOCK } from '@moltbot/auth';
import { settingsSchema } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { openCredentials } from '@moltbot/credentials';
import { createCredentialTokens } from '@moltbot/storage';

const CREDENTIAL = 'acme';
const agent = new Agent({ keepAlive: true, maxSockets: 50 });
let credentials;
let options;

function open() {
  const { place } = options;
  const settings = settingsSchema.parse({
    providers: { acme: { kind: 'openai', base_url: options.api, oauth: { issuer: options.issuer } } },
    credentials: {
      store: { file: 'file', postgres: 'storage', redis: place.url }[place.kind],
      refresh_timeout: `${options.refreshTimeoutMs}ms`,
      refresh_margin: `${options.refreshMarginMs}ms`,
    },
  });
  const list = [
    {
      id: CREDENTIAL,
      provider: 'acme',
      entry: {
        type: 'oauth',
        client_id: options.clientId,
        scopes: ['openid', 'email', 'offline_access', 'model:read'],
      },
    },
  ];
  const config = { settings, credentials: list };
  return openCredentials({
    config: () => config,
    paths: { home: options.home },
    secrets: { resolve: (source) => source, forget: () => {} },
    secretKey: () => Promise.resolve({ key: new Secret(options.key) }),
    system: undefined,
    environment: {},
    storage: async () => {
      const connection = { url: new Secret(place.url) };
      return { connection, credentialTokens: createCredentialTokens({ connection }) };
    },
    onEvent: (event) => report({ type: 'event', event: { ...event, error: undefined } }),
  });
}

/** @returns the status of one call of the API */
async function ask(token) {
  const request = get(options.api, { agent, headers: { authorization: `Bearer ${token.reveal()}` } });
  try {
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  } catch (error) {
    // The server may end an idle connection just as it is used again.
    if (request.reusedSocket) return ask(token);
    throw error;
  }
}

async function call() {
  try {
    for (let rejected; ; ) {
      const token = await credentials.vault.tokenFor(CREDENTIAL);
      const status = await ask(token);
      if (status === 200) return rejected === undefined ? 'answered' : 'answered after a 401';
      if (rejected !== undefined) return `rejected twice`;
      rejected = token;
      if (!(await credentials.vault.refreshAfterRejection(CREDENTIAL, token))) return 'rejected';
    }
  } catch (error) {
    return error instanceof MoltbotError ? error.code : String(error);
  }
}

async function calls({ count, gapMs }) {
  const outcomes = {};
  const running = [];
  for (let index = 0; index < count; index += 1) {
    if (gapMs > 0) await new Promise((resolve) => SYSTEM_CLOCK.after(2 * gapMs * Math.random(), resolve));
    running.push(
      call().then((outcome) => {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }),
    );
  }
  await Promise.all(running);
  return outcomes;
}

function report(message) {
  if (process.connected) process.send(message);
}

const handlers = {
  start(order) {
    options = order.options;
    credentials = open();
    report({ type: 'started' });
  },
  async call({ order, ...load }) {
    report({ type: 'done', order, outcomes: await calls(load) });
  },
  async refresh({ order }) {
    const outcome = await credentials.vault.refreshNow(CREDENTIAL).catch((error) => error.code ?? String(error));
    report({ type: 'done', order, outcomes: { [outcome]: 1 } });
  },
  async close() {
    await credentials.close();
    process.disconnect();
    process.exit(0);
  },
};

process.on('message', (order) => void handlers[order.type](order));
