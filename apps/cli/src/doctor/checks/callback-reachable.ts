import { lookup } from 'node:dns/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { readProxyEnvironment, systemProxies } from '@moltbot/config';
import { probeRoute } from '@moltbot/network';
import {
  type Check,
  configuredCheck,
  type ConfiguredContext,
  type Evidence,
  finding,
  type Observation,
} from '../check.js';
import { describeStages } from '../describe-probe.js';
import { portHolder, tryToListen } from '../measure/port-holder.js';
import { accountsOf, type Account } from './sign-in.js';

const PROBE_MS = 3_000;
const TIMEOUT_MS = 12_000;
const PATH = '/moltbot-doctor';

/** Whether a browser that comes back from the provider would arrive: the port, the address, a proxy in the way. */
export const callbackReachable: Check = {
  ...configuredCheck('callback.reachable', async (context, signal) => {
    const accounts = (await accountsOf(context)) ?? [];
    const withBrowser = accounts.filter(({ entry }) => (entry.grant ?? 'authorization_code') === 'authorization_code');
    const observed: Observation[] = [];
    // One after the other: two accounts may have the same port.
    for (const account of withBrowser) observed.push(await look(context, account, signal));
    return observed;
  }),
  timeoutMs: TIMEOUT_MS,
};

async function look(context: ConfiguredContext, account: Account, signal: AbortSignal): Promise<Observation> {
  const subject = account.id;
  const uri = context.config.settings.providers[account.provider]?.oauth?.redirect_uri ?? 'http://127.0.0.1/callback';
  const url = new URL(uri);
  const evidence: readonly Evidence[] = [{ label: 'url', value: `${url.origin}${url.pathname}` }];
  // Who is signed in has come back once, and is not told of what may be in the way next time.
  const isSignedIn = account.status.state !== 'signed-out' && account.status.state !== 'revoked';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!(await isThisMachine(host))) {
    if (isSignedIn) return { status: 'ok', subject, evidence };
    return finding({
      status: 'warning',
      subject,
      code: 'callback-elsewhere',
      facts: { host, uri: url.origin },
      evidence,
    });
  }
  if (url.protocol !== 'http:') return { status: 'ok', subject, evidence };
  const port = Number(url.port || 0);
  const listenAt = { host: host === 'localhost' ? '127.0.0.1' : host, port };
  if (port !== 0) {
    const code = await tryToListen(listenAt);
    if (code !== undefined && (await isOurs(context, port))) return { status: 'ok', subject, evidence };
    if (code !== undefined) {
      const by = code === 'EADDRINUSE' ? await portHolder(listenAt) : code;
      const facts = { port, uri: url.origin, by };
      const taken: readonly Evidence[] = [
        ...evidence,
        { label: 'error', value: code },
        { label: 'process', value: by },
      ];
      return finding({
        status: isSignedIn ? 'warning' : 'error',
        subject,
        code: 'callback-port',
        facts,
        evidence: taken,
      });
    }
  }
  return throughProxy({ context, subject, listenAt, evidence, isSignedIn, signal });
}

/** A browser that has no exception for this machine asks the proxy for it, and the proxy looks on its own machine. */
async function throughProxy(options: {
  readonly context: ConfiguredContext;
  readonly subject: string;
  readonly listenAt: { readonly host: string; readonly port: number };
  readonly evidence: readonly Evidence[];
  readonly isSignedIn: boolean;
  readonly signal: AbortSignal;
}): Promise<Observation> {
  const { context, subject, listenAt, evidence, isSignedIn, signal } = options;
  const proxy = browserProxy(context);
  const arrived = new Set<string>();
  const server = createServer((request, response) => {
    arrived.add(request.url ?? '');
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(listenAt, resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const at = `http://${listenAt.host.includes(':') ? `[${listenAt.host}]` : listenAt.host}:${port}${PATH}`;
    const common = { timeoutMs: PROBE_MS, signal };
    const direct = await probeRoute({ ...common, url: `${at}/direct`, network: {} });
    const found: readonly Evidence[] = [...evidence, { label: 'directly', value: describeStages(direct) }];
    if (!arrived.has(`${PATH}/direct`)) {
      const facts = { port, uri: new URL(at).origin, by: direct.fault?.code ?? `HTTP ${direct.answer?.status ?? 0}` };
      return finding({ status: 'error', subject, code: 'callback-port', facts, evidence: found });
    }
    if (proxy === undefined) return { status: 'ok', subject, evidence: found };
    const proxied = await probeRoute({ ...common, url: `${at}/proxied`, network: { proxy } });
    const both: readonly Evidence[] = [...found, { label: 'route', value: describeStages(proxied) }];
    if (arrived.has(`${PATH}/proxied`) || isSignedIn) return { status: 'ok', subject, evidence: both };
    return finding({
      status: 'warning',
      subject,
      code: 'callback-proxy',
      facts: {
        proxy: proxied.proxy ?? '',
        uri: new URL(at).hostname,
        status: proxied.fault?.code ?? `HTTP ${proxied.answer?.status ?? 0}`,
      },
      evidence: both,
    });
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** The system's proxy for `http://`, unless it is told to leave this machine alone. May hold a login. */
function browserProxy({ env }: ConfiguredContext): string | undefined {
  try {
    const { httpProxy, httpsProxy, noProxy } = systemProxies(readProxyEnvironment(env));
    const excepted = /(^|,)(\*|localhost|127\.0\.0\.1|127\.0\.0\.0\/8|::1)(?=,|$)/.test(noProxy);
    return excepted ? undefined : (httpProxy ?? httpsProxy);
  } catch {
    return undefined;
  }
}

async function isThisMachine(host: string): Promise<boolean> {
  if (host === 'localhost' || host.startsWith('127.') || host === '::1') return true;
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
  try {
    return (await lookup(host, { all: true })).some(({ address }) => own.has(address));
  } catch {
    return false;
  }
}

async function isOurs({ config, measured, running }: ConfiguredContext, port: number): Promise<boolean> {
  const { primary } = await measured.roles(config);
  const chat = running?.url === undefined ? config.settings.server.port : Number(new URL(running.url).port);
  return primary.reachable && chat === port;
}
