/**
 * Encrypted reasoning of this API as our words carry it. The mark and the item's id go in front, so that another vendor's seal,
 * which OpenAI refuses with the whole request, is never sent there.
 */
const MARK = 'openai:';

export interface SealedReasoning {
  readonly id: string;
  readonly encryptedContent: string;
}

export function sealReasoning({ id, encryptedContent }: SealedReasoning): string {
  return `${MARK}${id}:${encryptedContent}`;
}

/** Whether encrypted reasoning is OpenAI's: no other vendor's API takes it. */
export function isOpenAiSeal(redacted: string): boolean {
  return redacted.startsWith(MARK);
}

/** @returns `undefined` for a seal that is not OpenAI's */
export function unsealReasoning(redacted: string): SealedReasoning | undefined {
  if (!isOpenAiSeal(redacted)) return undefined;
  const colon = redacted.indexOf(':', MARK.length);
  if (colon <= MARK.length || colon === redacted.length - 1) return undefined;
  return { id: redacted.slice(MARK.length, colon), encryptedContent: redacted.slice(colon + 1) };
}
