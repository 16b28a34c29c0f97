/** Who called us within which trace: W3C Trace Context, `traceparent`. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero: the caller's span. */
  readonly parentId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const LONGEST = 512;
const SAMPLED = 0x01;

/** `undefined` for what the recommendation (section 3.2.2) calls invalid; later versions are read as version 00. */
export function parseTraceparent(header: string | readonly string[] | undefined): TraceContext | undefined {
  if (typeof header !== 'string' || header.length > LONGEST) return undefined;
  const match = TRACEPARENT.exec(header.trim());
  if (match === null) return undefined;
  const [, version, traceId, parentId, flags, rest] = match;
  if (version === undefined || traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.parentId}-${context.sampled ? '01' : '00'}`;
}

/**
 * The context of a new span: within the caller's trace where there is one, else of a trace of its own.
 * `randomBytes` returns that many random bytes.
 */
export function childTraceContext(
  parent: TraceContext | undefined,
  options: { readonly randomBytes: (size: number) => Buffer },
): TraceContext {
  return {
    traceId: parent?.traceId ?? nonZeroHex(16, options.randomBytes),
    parentId: nonZeroHex(8, options.randomBytes),
    sampled: parent?.sampled ?? false,
  };
}

function nonZeroHex(size: number, randomBytes: (size: number) => Buffer): string {
  const bytes = randomBytes(size);
  if (bytes.every((byte) => byte === 0)) bytes[size - 1] = 1;
  return bytes.toString('hex');
}
