import type { ModelLists } from './model-lists.js';
import type { RegisteredModels } from '@moltbot/storage';

interface Joined {
  readonly listed: readonly string[];
  readonly registered: readonly string[];
  readonly both: readonly string[];
}

/** What providers say they serve, and the models that were trained from here; joined again only where one has changed. */
export class KnownModels {
  readonly #lists: Pick<ModelLists, 'of'>;
  readonly #registered: Pick<RegisteredModels, 'of'>;
  readonly #joined = new Map<string, Joined>();

  constructor(options: { readonly lists: Pick<ModelLists, 'of'>; readonly registered: Pick<RegisteredModels, 'of'> }) {
    this.#lists = options.lists;
    this.#registered = options.registered;
  }

  of(provider: string): readonly string[] {
    const listed = this.#lists.of(provider);
    const registered = this.#registered.of(provider);
    if (registered.length === 0) return listed;
    const known = this.#joined.get(provider);
    if (known?.listed === listed && known.registered === registered) return known.both;
    const both = [...new Set([...listed, ...registered])];
    this.#joined.set(provider, { listed, registered, both });
    return both;
  }
}
