import type { ListedModel } from '@moltbot/providers';
import { MoltbotError } from '@moltbot/contracts';
import type { FastifyRequest } from 'fastify';
import type { LoadState } from '@moltbot/local-models';
import { assertMayName, permittedModels } from '../access/permitted-plan.js';
import type { Core } from '../core/core.js';

/** A model that was trained a moment ago is listed; a database that does not answer holds nobody up. */
const FRESH_MS = 1_000;
const PATIENCE_MS = 500;

/** One object that is a model to both vendors' clients: OpenAI reads `object` and `created`, Anthropic `type` and `created_at`. */
export function toModelObject(listed: ListedModel, created: number, load?: LoadState) {
  return {
    id: listed.id,
    object: 'model',
    type: 'model',
    created,
    created_at: new Date(created * 1_000).toISOString(),
    owned_by: listed.provider ?? 'moltbot',
    display_name: listed.id,
    moltbot: { kind: listed.kind, members: listed.members, ready: listed.ready, ...toLoad(load) },
  };
}

/** Only of models that this machine runs itself. */
function toLoad(load: LoadState | undefined) {
  if (load === undefined) return {};
  const { state } = load;
  if (state === 'warm') return { state, load_ms: Math.round(load.loadMs), memory_bytes: load.rss };
  return state === 'failed' ? { state, error: load.error.code } : { state };
}

export function createModelsHandlers(core: Core) {
  return {
    list: async ({ exchange }: FastifyRequest) => {
      await core.registeredModels.freshen({ olderThanMs: FRESH_MS, withinMs: PATIENCE_MS });
      const listed = permittedModels({ router: core.router, identity: exchange.identity });
      const data = listed.map((item) => toModelObject(item, core.startedAt, core.localModels.stateOf(item.id)));
      return {
        object: 'list',
        data,
        has_more: false,
        first_id: data[0]?.id ?? null,
        last_id: data.at(-1)?.id ?? null,
      };
    },

    get: async (request: FastifyRequest) => {
      const id = (request.params as { readonly '*': string })['*'];
      assertMayName({ router: core.router, identity: request.exchange.identity, name: id });
      const listed = core.router.list().find((item) => item.id === id);
      if (listed !== undefined) return toModelObject(listed, core.startedAt, core.localModels.stateOf(id));
      // A name that resolves is a model too, listed or not: `gpt-4-turbo`, or a provider's model nobody named in the file.
      const plan = core.router.plan({ model: id });
      const model = plan.models[0];
      if (model === undefined) throw new MoltbotError('model_not_found', `There is no model \`${id}\`.`);
      return toModelObject(
        { id: model.ref, kind: 'model', provider: model.provider.name, members: [model.ref], model, ready: true },
        core.startedAt,
      );
    },
  };
}
