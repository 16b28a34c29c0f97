import type { LoadedConfig } from '@moltbot/config';
import { createUpstreamClient, findLocalServers, type LocalServer } from '@moltbot/providers';
import type { CommandContext } from './context.js';

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
  const { models } = config.settings;
  const chain = [models.primary, ...models.fallbacks];
  output.line();
  output.line(output.style('bold', messages.ready(url)));
  output.line(`  ${messages.chain(chain.join(' → '))}`);
  output.line(`  ${messages.places(`${url}/docs`, `${metricsUrl}/metrics`)}`);
  const demo = chain[0]?.startsWith('demo:') === true;
  if (demo) output.line(`  ${output.style('yellow', messages.simulated)}`);
  for (const server of await localServers(config, url)) {
    output.line(
      `  ${output.style('cyan', messages.localServer(server.provider, server.baseUrl, server.models.slice(0, 5).join(', ')))}`,
    );
    const model = server.models[0];
    if (demo && model !== undefined) output.line(`    ${messages.useLocalServer(`${server.provider}:${model}`)}`);
  }
  output.line();
  output.line(demo ? messages.nextStepDemo : messages.nextStep);
}

/** Model servers of this machine: offered, never used unasked. */
async function localServers(config: LoadedConfig, ownUrl: string): Promise<readonly LocalServer[]> {
  if (!config.settings.discovery.local_servers) return [];
  const client = createUpstreamClient({ maxConnections: 8 });
  try {
    return await findLocalServers({
      client,
      skipPorts: [Number(new URL(ownUrl).port)],
      signal: AbortSignal.timeout(2_000),
    });
  } finally {
    await client.close();
  }
}
