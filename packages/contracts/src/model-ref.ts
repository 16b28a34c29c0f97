/** `provider:model`. The provider is all before the first colon, so that a model may hold colons (`ollama:llama3:8b`). */
export interface ModelRef {
  readonly provider: string;
  readonly model: string;
}

/** Provider names: a letter, then letters, digits, `_`, `.` or `-`; at most 64. */
const PROVIDER = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** Longest model name taken; none of a known provider comes near. */
const MAX_MODEL_LENGTH = 256;

/** `undefined` where the text has no provider part or a part is empty or too long. */
export function parseModelRef(text: string): ModelRef | undefined {
  const colon = text.indexOf(':');
  if (colon <= 0) return undefined;
  const provider = text.slice(0, colon);
  const model = text.slice(colon + 1);
  if (model === '' || model.length > MAX_MODEL_LENGTH || !PROVIDER.test(provider)) return undefined;
  return { provider, model };
}

export function formatModelRef(ref: ModelRef): string {
  return `${ref.provider}:${ref.model}`;
}

export function isProviderName(text: string): boolean {
  return PROVIDER.test(text);
}
