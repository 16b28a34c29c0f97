/** Beyond this a text is not looked through again: whoever sends it has no use for a number. */
const LONGEST = 1_048_576;
type Expected = 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'next';

const SPACE = /[ \t\n\r]*/y;
const WORD = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * Where a text stops being JSON (RFC 8259): the index of the first character that can't go on, its length where it ends too
 * early. The engine's own message tells it only for some mistakes, and quotes the text. `undefined` for a text that is too long
 * or valid.
 */
export function jsonErrorPosition(text: string): number | undefined {
  if (text.length > LONGEST) return undefined;
  /** The closing brackets that are owed. */
  const open: string[] = [];
  let expected = 'value' as Expected;
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  for (;;) {
    skip(SPACE);
    const character = text[at];
    if (character === undefined) return expected === 'next' && open.length === 0 ? undefined : at;
    const closes = expected === 'next' || expected === 'first-value' || expected === 'first-key';
    if (closes && open.length > 0 && character === open.at(-1)) {
      open.pop();
      at += 1;
      expected = 'next';
    } else if (expected === 'next') {
      if (character !== ',' || open.length === 0) return at;
      at += 1;
      expected = open.at(-1) === '}' ? 'key' : 'value';
    } else if (expected === 'colon') {
      if (character !== ':') return at;
      at += 1;
      expected = 'value';
    } else if (character === '"') {
      const end = endOfString(text, at + 1);
      if (text[end] !== '"') return end;
      at = end + 1;
      expected = expected === 'key' || expected === 'first-key' ? 'colon' : 'next';
    } else if (expected === 'key' || expected === 'first-key') {
      return at;
    } else if (character === '{' || character === '[') {
      open.push(character === '{' ? '}' : ']');
      at += 1;
      expected = character === '{' ? 'first-key' : 'first-value';
    } else if (skip(WORD)) {
      expected = 'next';
    } else {
      return at;
    }
  }
}

/** Index of the closing quote, or of the first character that can't be in a string. */
function endOfString(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22 || code < 0x20) return at;
    if (code === 0x5c) {
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) return at;
      at = ESCAPE.lastIndex - 1;
    }
  }
  return at;
}
