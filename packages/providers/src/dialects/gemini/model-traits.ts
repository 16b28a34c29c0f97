/** What differs between generations of Gemini where a wrong request is refused with a 400. */
export interface ModelTraits {
  /** How thinking is steered: not at all, by a budget in tokens, by a level. */
  readonly thinking: 'none' | 'budget' | 'level';
  /** Smallest and largest budget, and whether 0 (off) is taken. */
  readonly thinkingBudget: { readonly min: number; readonly max: number; readonly off: boolean };
  /** The least thinking that can be asked for by level. */
  readonly lowestLevel: 'minimal' | 'low';
  readonly systemInstruction: boolean;
  readonly penalties: boolean;
  /** JSON output together with function declarations. */
  readonly jsonWithTools: boolean;
  /** Images within a function's response; else they go beside it. */
  readonly imagesInResponses: boolean;
  /** Images by https URL that Google fetches itself. */
  readonly fetchesUrls: boolean;
  /** Whether function calls of the current turn are refused without a thought signature. */
  readonly demandsSignatures: boolean;
}

const GENERATION = /^gemini-(\d{1,2})(?:\.(\d))?(?![\d.])/;
/** Media models speak this API too and know no thinking. */
const MEDIA = /-(image|tts|native-audio|live)(-|$)/;
/** `minimal` is refused by every Pro, and by Flash since 3.7 (Flash-Lite still takes it). */
const TAKES_MINIMAL = /^gemini-3(\.[1-6])?-flash|^gemini-\d+(\.\d+)?-flash-lite/;

/**
 * By name; unknown names are taken for the newest, and the provider's own refusal is believed.
 * Source: ai.google.dev/gemini-api/docs (thinking, thought-signatures, structured-output, file-input-methods).
 */
export function modelTraits(model: string): ModelTraits {
  const name = (model.split('/').at(-1) ?? model).toLowerCase();
  const gemma = name.startsWith('gemma');
  const match = GENERATION.exec(name);
  const generation = match === null ? Number.POSITIVE_INFINITY : Number(`${match[1]}.${match[2] ?? 0}`);
  const third = !gemma && generation >= 3;
  return {
    thinking: gemma || generation < 2.5 || MEDIA.test(name) ? 'none' : third ? 'level' : 'budget',
    thinkingBudget: name.includes('-pro')
      ? { min: 128, max: 32_768, off: false }
      : { min: name.includes('-flash-lite') ? 512 : 1, max: 24_576, off: true },
    lowestLevel: TAKES_MINIMAL.test(name) ? 'minimal' : 'low',
    systemInstruction: !gemma,
    penalties: generation !== 2.5,
    jsonWithTools: third,
    imagesInResponses: third,
    fetchesUrls: !gemma && generation >= 2.5,
    demandsSignatures: third,
  };
}
