/**
 * Word-ish pieces: a word with the white space before it, two characters of a script without spaces, at most 16 characters.
 * Joined they give the text back.
 */
const PIECE =
  /\s*(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}，。；：、！？“”（）]{1,2}|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}，。；：、！？“”（）]{1,16})|\s+/gu;

/** The text as the tokens of a simulated model. */
export function toTokens(text: string): readonly string[] {
  return text.match(PIECE) ?? [];
}

/** A rough figure for what was sent in: characters / 4, as MoltBot estimates. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
