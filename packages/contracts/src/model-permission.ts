import { isProviderName } from './model-ref.js';

/** Longest entry: a provider's name, a colon, a model's name. */
const MAX_LENGTH = 321;
const ALL_OF_PROVIDER = ':*';

/**
 * Whether a text may stand in a caller's list of models: the name of a chain (`default` too), `provider:model`, a bare model
 * name, or `provider:*` for all of one provider. There is no other pattern.
 */
export function isModelPermission(text: string): boolean {
  if (text === '' || text.length > MAX_LENGTH || /^\s|\s$|\p{Cc}/u.test(text)) return false;
  if (!text.includes('*')) return true;
  return text.endsWith(ALL_OF_PROVIDER) && isProviderName(text.slice(0, -ALL_OF_PROVIDER.length));
}

/** Whether the list has this very name, or all of its provider. No case is folded, and nothing resolved. */
export function permitsModel(permissions: readonly string[], name: string): boolean {
  if (permissions.includes(name)) return true;
  const colon = name.indexOf(':');
  return colon > 0 && permissions.includes(name.slice(0, colon) + ALL_OF_PROVIDER);
}
