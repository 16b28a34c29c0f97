import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LEVELS, newLogRecord } from './log-record.js';
import { createLineParsers } from './line-parser.js';

const parsers = createLineParsers({ now: () => Date.UTC(2026, 5, 1) });
const record = newLogRecord();

function parse(line: string) {
  const bytes = Buffer.from(line);
  if (!parsers.json(bytes, 0, bytes.length, record)) return undefined;
  const { messageBytes, messageStart, messageEnd, level, ...rest } = record;
  return {
    ...rest,
    level: LEVELS[level],
    message: Buffer.from(messageBytes.subarray(messageStart, messageEnd)).toString('utf8'),
  };
}

describe('a JSON line', () => {
  it('of pino', () => {
    expect(
      parse(
        '{"level":50,"time":1700000000123,"pid":1,"req":{"id":"r-1","method":"GET","url":"/users/17?x=1"},"res":{"statusCode":500},"responseTime":12.5,"msg":"request \\"failed\\""}',
      ),
    ).toMatchObject({
      message: 'request "failed"',
      level: 'error',
      timestampMs: 1_700_000_000_123,
      id: 'r-1',
      idKind: 'request',
      route: '/users/*',
      status: 500,
      durationMs: 12.5,
    });
  });

  it('of winston and our own logger', () => {
    expect(
      parse(
        '{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"request answered","role":"primary","requestId":"req_1","durationMs":7}',
      ),
    ).toMatchObject({
      message: 'request answered',
      level: 'info',
      timestampMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      id: 'req_1',
      durationMs: 7,
    });
    expect(
      parse(
        '{"level":"warn","message":"slow","timestamp":"2026-01-02 03:04:05,1","conversation_id":"c9","took":"1.5s"}',
      ),
    ).toMatchObject({
      message: 'slow',
      level: 'warn',
      id: 'c9',
      idKind: 'conversation',
      durationMs: 1_500,
    });
  });

  it('of the Elastic schema, with nested and dotted names', () => {
    expect(
      parse(
        '{"@timestamp":"2026-01-02T03:04:05Z","log.level":"ERROR","message":"x","trace":{"id":"abc"},"event":{"duration":2000000},"http":{"response":{"status_code":404}}}',
      ),
    ).toMatchObject({ level: 'error', id: 'abc', idKind: 'trace', durationMs: 2, status: 404 });
  });

  it('without a message says its error, or nothing', () => {
    expect(parse('{"level":"error","err":{"type":"Error","message":"boom","stack":"x"}}')).toMatchObject({
      message: 'boom',
    });
    expect(parse('{"a":1}')).toMatchObject({ message: '' });
    expect(parse('{}')).toMatchObject({ message: '' });
  });

  it.each([
    '',
    '{',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '[1]',
    '{"a":1} x',
    '{"a":"b}',
    '{"a":{}',
    'null',
    '{"a":x}',
    '{"a" 1}',
    '{a:1}',
  ])('that is %s is none', (line) => {
    expect(parse(line)).toBeUndefined();
  });

  it('says what JSON.parse says, whatever the object', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '"', '\\', '\n', '\u0001', 'ü', '😀', '{', '}', ',', ':', '/', ' '),
    });
    const value = fc.oneof(
      text,
      fc.double({ noNaN: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.jsonValue(),
    );
    const key = fc.oneof(
      fc.constantFrom('msg', 'message', 'level', 'requestId', 'request_id', 'durationMs', 'req', 'm\\u0073g', 'x'),
      text,
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 8 }), fc.boolean(), (pairs, spaced) => {
        const gap = spaced ? ' ' : '';
        const line = `{${pairs
          .map(
            ([name, each]) =>
              `${name.startsWith('m\\u') ? `"${name}"` : JSON.stringify(name)}${gap}:${gap}${JSON.stringify(each)}`,
          )
          .join(`,${gap}`)}}`;
        const wanted = JSON.parse(line) as Record<string, unknown>;
        const found = parse(line);
        expect(found).toBeDefined();
        const texts = ['msg', 'message'].map((name) => lastText(pairs, name));
        const message = texts.find((each) => each !== undefined);
        if (message !== undefined) expect(found?.message).toBe(Buffer.from(message).toString('utf8'));
        if (
          typeof wanted['durationMs'] === 'number' &&
          wanted['durationMs'] >= 0 &&
          String(wanted['durationMs']).length < 20
        ) {
          expect(found?.durationMs).toBe(wanted['durationMs']);
        }
        if (typeof wanted['requestId'] === 'string' && /^[a-z]{1,9}$/.test(wanted['requestId']))
          expect(found?.id).toBe(wanted['requestId']);
      }),
      { numRuns: 500 },
    );
  });
});

/** The last text of the name: values of other kinds are no message. */
function lastText(pairs: readonly (readonly [string, unknown])[], name: string): string | undefined {
  const texts = pairs.filter(([key, value]) => key.replace('\\u0073', 's') === name && typeof value === 'string');
  return texts.at(-1)?.[1] as string | undefined;
}
