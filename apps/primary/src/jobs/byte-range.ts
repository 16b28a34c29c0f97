/** Which bytes of a body are asked for; `end` is behind the last one. */
export type ByteRange =
  | { readonly type: 'whole' }
  | { readonly type: 'part'; readonly start: number; readonly end: number }
  /** Nothing of what is asked for is there. */
  | { readonly type: 'unsatisfiable' };

/** A `Range` header as RFC 9110 section 14 has it. What is no single range of bytes may be ignored, and is. */
export function parseByteRange(header: string | undefined, size: number): ByteRange {
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(header?.trim() ?? '');
  if (match === null) return { type: 'whole' };
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? { type: 'unsatisfiable' } : { type: 'part', start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return { type: 'whole' };
  return start >= size ? { type: 'unsatisfiable' } : { type: 'part', start, end };
}
