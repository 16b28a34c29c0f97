import { createVault } from '@moltbot/auth';
import { loadConfig } from '@moltbot/config';
import { createModelRouter, createUpstreamClient, findLocalServers, type LocalServer } from '@moltbot/providers';
import { createServerClient, readError } from '../client/server-client.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { table } from '../table.js';

interface Listed {
  readonly id: string;
  readonly kind: 'chain' | 'model';
  readonly ready: boolean;
  readonly members: readonly string[];
}

/** Chains and models of the running server, else of the configuration; and the model servers of this machine. */
export const modelsList: Command = async ({ options, context }) => {
  const { output, messages } = context;
  const { models, source, ports } = await listModels(context, options);
  const local = await localServers(context, ports);
  output.result({ source, models, localServers: local });
  if (source === 'configuration') output.note(messages.fromConfiguration);
  const head = [messages.columnName, messages.columnKind, messages.columnState, messages.columnMembers];
  output.line(
    table([
      head.map((cell) => output.style('bold', cell)),
      ...models.map(({ id, kind, ready, members }) => [
        id,
        kind,
        ready ? output.style('green', messages.modelReady) : output.style('yellow', messages.modelNotReady),
        kind === 'chain' ? members.join(' → ') : '',
      ]),
    ]),
  );
  for (const server of local) {
    output.line(messages.localServer(server.provider, server.baseUrl, server.models.slice(0, 8).join(', ')));
    const model = server.models[0];
    if (model !== undefined) output.line(`  ${messages.useLocalServer(`${server.provider}:${model}`)}`);
  }
  return 'ok';
};

async function listModels(context: CommandContext, options: CommandOptions) {
  const client = await createServerClient(context, options);
  try {
    const response = await client.send('/v1/models');
    if (!response.ok) {
      const { code, message } = await readError(response);
      throw new CommandError('failed', `${code}: ${message}`, { code });
    }
    const { data } = (await response.json()) as {
      readonly data: readonly { readonly id: string; readonly moltbot: Omit<Listed, 'id'> }[];
    };
    const models: readonly Listed[] = data.map(({ id, moltbot }) => ({ id, ...moltbot }));
    return { models, source: 'server' as const, ports: [Number(new URL(client.url).port)] };
  } catch (error) {
    // A server that was named must answer; else the configuration can speak for itself.
    if (!(error instanceof CommandError) || error.exit !== 'unreachable' || typeof options['url'] === 'string')
      throw error;
  }
  const config = await loadConfig({ paths: context.paths, env: context.env });
  const router = createModelRouter({
    settings: () => config.settings,
    vault: createVault({ credentials: () => config.credentials }),
    demoBaseUrl: () => 'http://127.0.0.1:9',
  });
  const models: readonly Listed[] = router.list().map(({ id, kind, ready, members }) => ({ id, kind, ready, members }));
  return { models, source: 'configuration' as const, ports: [] };
}

async function localServers(
  { paths, env }: CommandContext,
  skipPorts: readonly number[],
): Promise<readonly LocalServer[]> {
  const { settings } = await loadConfig({ paths, env });
  if (!settings.discovery.local_servers) return [];
  const client = createUpstreamClient({ maxConnections: 8 });
  try {
    return await findLocalServers({ client, skipPorts, signal: AbortSignal.timeout(2_000) });
  } finally {
    await client.close();
  }
}
