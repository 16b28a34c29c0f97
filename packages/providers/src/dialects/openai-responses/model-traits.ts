/** What differs between OpenAI's models where a wrong request is refused with a 400. */
export interface ModelTraits {
  /** Takes `reasoning`; `undefined` where the name says nothing. */
  readonly reasons: boolean | undefined;
  /** Takes temperature and top_p: always, only with an effort of `none`, or never. */
  readonly sampling: 'always' | 'without-effort' | 'never';
}

const O_SERIES = /^o\d+(-|$)/;
const GPT = /^gpt-(\d+)(?:\.(\d+))?(?:-(.+))?$/;
const OTHER_REASONING = /^(codex-mini|computer-use-preview)/;
const PLAIN = /^(gpt-3|gpt-4|chatgpt-4|davinci|babbage)/;

/** By name; of unknown names all is believed, and the provider's own refusal too. */
export function modelTraits(model: string): ModelTraits {
  // A fine-tuned model is named after the one it was made from: `ft:gpt-4.1-mini:mine::id`.
  const name = model.startsWith('ft:') ? (model.split(':')[1] ?? '') : model;
  if (PLAIN.test(name)) return { reasons: false, sampling: 'always' };
  if (O_SERIES.test(name) || OTHER_REASONING.test(name)) return { reasons: true, sampling: 'never' };
  const match = GPT.exec(name);
  if (match === null) return { reasons: undefined, sampling: 'always' };
  const [, major, minor, variant] = match;
  if (minor === undefined && variant?.startsWith('chat') === true) return { reasons: false, sampling: 'always' };
  return { reasons: true, sampling: major === '5' && minor === undefined ? 'never' : 'without-effort' };
}
