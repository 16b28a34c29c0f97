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

/** @returns `undefined` for a seal that is not OpenAI's */
export function unsealReasoning(redacted: string): SealedReasoning | undefined {
  if (!redacted.startsWith(MARK)) return undefined;
  const colon = redacted.indexOf(':', MARK.length);
  if (colon <= MARK.length || colon === redacted.length - 1) return undefined;
  return { id: redacted.slice(MARK.length, colon), encryptedContent: redacted.slice(colon + 1) };
}
