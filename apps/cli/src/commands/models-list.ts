import { createVault } from '@moltbot/auth';
import { type LoadedConfig, loadConfig, withLocalProvider } from '@moltbot/config';
import { createServerClient } from '../client/server-client.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { lookForLocalServers } from '../local-servers.js';
import { table } from '../table.js';

interface Listed {
  readonly id: string;
  readonly kind: 'chain' | 'model';
  /** Whether a usable credential is there, or none is needed. */
  readonly ready: boolean;
  readonly members: readonly string[];
}

const SHOWN_MODELS = 8;
/** Asks nobody: the router only needs to know that there is a demo. */
const NO_DEMO = 'http://127.0.0.1:9';

/** Chains and models of the running server, else of the configuration; and the model servers of this machine. */
export const modelsList: Command = async ({ options, context }) => {
  const { output, messages } = context;
  const { models, source, url } = await listModels(context, options);
  const settings = await settingsOf(context, source);
  const skipPorts = url === undefined ? [] : [Number(new URL(url).port)];
  const local = settings === undefined ? [] : await lookForLocalServers({ settings, skipPorts });
  output.result({ source, url: url ?? null, models, localServers: local });
  if (source === 'configuration') output.note(messages.fromConfiguration);
  const head = [messages.columnName, messages.columnKind, messages.columnState, messages.columnMembers];
  const rows = models.map(({ id, kind, ready, members }) => [
    id,
    kind === 'chain' ? messages.kindChain : messages.kindModel,
    ready ? output.style('green', messages.modelReady) : output.style('yellow', messages.modelNotReady),
    kind === 'chain' ? members.join(' → ') : '',
  ]);
  output.line(table([head.map((cell) => output.style('bold', cell)), ...rows]));
  for (const server of local) {
    output.line(messages.localServer(server.provider, server.baseUrl, server.models.slice(0, SHOWN_MODELS).join(', ')));
    const [model] = server.models;
    if (model !== undefined) output.line(`  ${messages.useLocalServer(`${server.provider}:${model}`)}`);
  }
  return 'ok';
};

async function listModels(context: CommandContext, options: CommandOptions) {
  const client = await createServerClient(context, options);
  try {
    const { data } = (await client.getJson('/v1/models')) as {
      readonly data?: readonly { readonly id: string; readonly moltbot?: Omit<Listed, 'id'> }[];
    };
    const models: readonly Listed[] = (data ?? []).map(({ id, moltbot }) => ({
      id,
      kind: moltbot?.kind ?? 'model',
      ready: moltbot?.ready ?? true,
      members: moltbot?.members ?? [id],
    }));
    return { models, source: 'server' as const, url: client.url };
  } catch (error) {
    // A server that was named must answer; else the configuration can speak for itself.
    const mayGoOn = error instanceof CommandError && error.exit === 'unreachable' && options['url'] === undefined;
    if (!mayGoOn) throw error;
    return { models: await fromConfiguration(context), source: 'configuration' as const, url: undefined };
  }
}

async function fromConfiguration({ paths, env }: CommandContext): Promise<readonly Listed[]> {
  const { createModelRouter } = await import('@moltbot/providers');
  const config = await loadConfig({ paths, env });
  // Where they are served is known to a running server only.
  const settings = withLocalProvider(config.settings, { baseUrl: NO_DEMO, token: '' });
  const router = createModelRouter({
    settings: () => settings,
    vault: createVault({ credentials: () => config.credentials }),
    demoBaseUrl: () => NO_DEMO,
  });
  return router.list().map(({ id, kind, ready, members }) => ({ id, kind, ready, members }));
}

/** A running server has its last good configuration: a mistake in the file now is not this command's matter. */
async function settingsOf({ paths, env }: CommandContext, source: 'server' | 'configuration') {
  let config: LoadedConfig | undefined;
  try {
    config = await loadConfig({ paths, env });
  } catch (error) {
    if (source === 'configuration') throw error;
  }
  return config?.settings;
}
