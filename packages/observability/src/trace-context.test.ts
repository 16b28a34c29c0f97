import { describe, expect, it } from '@jest/globals';
import { childTraceContext, formatTraceparent, parseTraceparent } from './trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('traceparent', () => {
  it('survives parsing and printing', () => {
    for (const flags of ['00', '01']) {
      const header = `00-${TRACE}-${SPAN}-${flags}`;
      const context = parseTraceparent(header);
      expect(context).toEqual({ traceId: TRACE, parentId: SPAN, sampled: flags === '01' });
      expect(context && formatTraceparent(context)).toBe(header);
    }
  });

  it('reads later versions as far as they are known', () => {
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-03-more`)).toEqual({ traceId: TRACE, parentId: SPAN, sampled: true });
  });

  it.each([
    undefined,
    '',
    'garbage',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}`,
    `01-${TRACE}-${SPAN}-01${'-x'.repeat(1_000)}`,
    [`00-${TRACE}-${SPAN}-01`],
  ])('refuses %p', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });

  it('gives a span of its own within the trace of the caller, or a new trace', () => {
    const randomBytes = (size: number): Buffer => Buffer.alloc(size, 0xab);
    const parent = { traceId: TRACE, parentId: SPAN, sampled: true };
    expect(childTraceContext(parent, { randomBytes })).toEqual({
      traceId: TRACE,
      parentId: 'ab'.repeat(8),
      sampled: true,
    });
    expect(childTraceContext(undefined, { randomBytes })).toEqual({
      traceId: 'ab'.repeat(16),
      parentId: 'ab'.repeat(8),
      sampled: false,
    });
    const zeros = childTraceContext(undefined, { randomBytes: (size) => Buffer.alloc(size) });
    expect(parseTraceparent(formatTraceparent(zeros))).toEqual(zeros);
  });
});
