import type { LoadedConfig, Settings } from '@moltbot/config';
import type { CommandContext } from './context.js';
import { lookForLocalServers } from './local-servers.js';

const SHOWN_MODELS = 5;

/** What a person sees when the server is up: where it is, who answers, and one next step. */
export async function greet(options: {
  readonly context: CommandContext;
  readonly config: LoadedConfig;
  readonly url: string;
  readonly metricsUrl: string;
}): Promise<void> {
  const { context, config, url, metricsUrl } = options;
  const { output, messages } = context;
  if (output.json) return;
  const { models, server } = config.settings;
  const chain = [models.primary, ...models.fallbacks];
  const isDemo = models.primary.startsWith('demo:');
  const local = await lookForLocalServers({ settings: config.settings, skipPorts: [Number(new URL(url).port)] });
  output.line();
  output.line(output.style('bold', messages.ready(url)));
  if (!isLocal(server.host)) output.line(`  ${output.style('yellow', messages.openToOthers(server.host))}`);
  output.line(`  ${messages.chain(chain.join(' → '))}`);
  output.line(`  ${messages.places(`${url}/docs`, `${metricsUrl}/metrics`)}`);
  if (isDemo) output.line(`  ${output.style('yellow', messages.simulated)}`);
  for (const { provider, baseUrl, models } of local) {
    const names = models.slice(0, SHOWN_MODELS).join(', ');
    output.line(`  ${output.style('cyan', messages.localServer(provider, baseUrl, names))}`);
    if (isDemo && models[0] !== undefined) output.line(`    ${messages.useLocalServer(`${provider}:${models[0]}`)}`);
  }
  output.line();
  if (needsKey(server)) output.line(messages.nextStepKey);
  else output.line(isDemo ? messages.nextStepDemo : messages.nextStep);
}

function needsKey(server: Settings['server']): boolean {
  return server.access === 'api_key' || (server.access === 'auto' && !isLocal(server.host));
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
