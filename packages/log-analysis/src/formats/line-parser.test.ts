import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createLineParsers, detectFormat } from './line-parser.js';
import { LEVELS, type LogFormat, newLogRecord } from './log-record.js';
import { TimestampReader } from './timestamp.js';

const now = () => Date.UTC(2026, 5, 1);
const parsers = createLineParsers({ now });
const record = newLogRecord();

function parse(format: Exclude<LogFormat, 'plain'>, line: string) {
  const bytes = Buffer.from(line);
  if (!parsers[format](bytes, 0, bytes.length, record)) return undefined;
  const { messageBytes, messageStart, messageEnd, level, ...rest } = record;
  return {
    ...rest,
    level: LEVELS[level],
    message: Buffer.from(messageBytes.subarray(messageStart, messageEnd)).toString('utf8'),
  };
}

describe('timestamps', () => {
  it.each([
    ['2026-01-02T03:04:05.678Z', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ['2026-01-02 03:04:05,678', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ['2026-01-02T03:04:05+02:00', Date.UTC(2026, 0, 2, 1, 4, 5)],
    ['2026/01/02 03:04:05.5 -0130', Date.UTC(2026, 0, 2, 4, 34, 5, 500)],
    ['2026-01-02T03:04:05.123456789Z', Date.UTC(2026, 0, 2, 3, 4, 5, 123)],
    ['20171223-22:15:29:606', Date.UTC(2017, 11, 23, 22, 15, 29, 606)],
    ['20260102T030405', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['17/06/09 20:10:40', Date.UTC(2017, 5, 9, 20, 10, 40)],
    ['10/30/2024 16:49:06', Date.UTC(2024, 9, 30, 16, 49, 6)],
    ['30/10/2024 16:49:06', Date.UTC(2024, 9, 30, 16, 49, 6)],
    ['10/Oct/2000:13:55:36 -0700', Date.UTC(2000, 9, 10, 20, 55, 36)],
    ['Oct 11 22:14:15', Date.UTC(2025, 9, 11, 22, 14, 15)],
    ['Jan  5 22:14:15', Date.UTC(2026, 0, 5, 22, 14, 15)],
    ['Fri Jul  1 07:57:30 2005', Date.UTC(2005, 6, 1, 7, 57, 30)],
    ['1700000000', 1_700_000_000_000],
    ['1700000000.25', 1_700_000_000_250],
    ['1700000000123', 1_700_000_000_123],
  ])('%s', (text, wanted) => {
    const reader = new TimestampReader({ now });
    const bytes = Buffer.from(`${text} rest`);
    expect(reader.read(bytes, 0, bytes.length)).toBe(true);
    expect(reader.ms).toBe(wanted);
    expect(reader.end).toBe(text.length);
  });

  it.each([
    '2026-13-02 03:04:05',
    '2026-01-02 99:99:99',
    'hello',
    '12',
    '123456789012',
    '2026-01-02',
    '99/99/99 10:10:10',
    '',
  ])('%s is none', (text) => {
    const bytes = Buffer.from(text);
    expect(new TimestampReader({ now }).read(bytes, 0, bytes.length)).toBe(false);
  });
});

describe('the formats', () => {
  it('logfmt', () => {
    expect(
      parse(
        'logfmt',
        'ts=2026-01-02T03:04:05Z level=warn msg="slow \\"query\\"" dur=12ms duration_ms=12 request_id=r1 ok',
      ),
    ).toMatchObject({
      message: 'slow "query"',
      level: 'warn',
      durationMs: 12,
      id: 'r1',
    });
    for (const line of ['just words level=info', 'a=b', 'level=info x=1', 'level=info msg="open'])
      expect(parse('logfmt', line)).toBeUndefined();
  });

  it('access logs, common and combined, with the time taken', () => {
    expect(
      parse(
        'access',
        '10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /users/17/a?x=1 HTTP/1.1" 503 2326 "-" "curl/8 (x \\"y\\")" 0.125',
      ),
    ).toMatchObject({
      message: 'GET /users/17/a?x=1 HTTP/1.1',
      status: 503,
      level: 'error',
      route: 'GET /users/*/a',
      durationMs: 125,
    });
    expect(parse('access', '::1 - - [10/Oct/2000:13:55:36 +0000] "POST / HTTP/2" 404 12')).toMatchObject({
      status: 404,
      level: 'warn',
      route: 'POST /',
    });
    expect(parse('access', '10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "\\x16\\x03" 400 0 "-" "-"')).toMatchObject({
      status: 400,
    });
    for (const line of [
      'a b c d',
      '10.0.0.1 - - [x] "GET /" 200 1',
      '10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / 200',
    ]) {
      expect(parse('access', line)).toBeUndefined();
    }
  });

  it('syslog of RFC 5424', () => {
    expect(
      parse(
        'syslog5424',
        '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [example@32473 iut="3" x="a\\]b"][y z="1"] \ufeffAn event',
      ),
    ).toMatchObject({
      message: 'An event',
      level: 'info',
      logger: 'evntslog',
      timestampMs: Date.UTC(2003, 9, 11, 22, 14, 15, 3),
    });
    expect(parse('syslog5424', "<34>1 - host su - ID47 - 'su root' failed")).toMatchObject({
      message: "'su root' failed",
      level: 'fatal',
    });
    for (const line of ['<34>1', '<999>1 - h a p m - x', '<34>1 - h a', 'x'])
      expect(parse('syslog5424', line)).toBeUndefined();
  });

  it('syslog of RFC 3164, with and without a priority', () => {
    expect(parse('syslog3164', '<34>Oct 11 22:14:15 mymachine su: failed on /dev/pts/8')).toMatchObject({
      message: 'failed on /dev/pts/8',
      level: 'fatal',
      logger: 'su',
    });
    expect(parse('syslog3164', 'Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass; user unknown')).toMatchObject({
      message: 'check pass; user unknown',
      logger: 'sshd(pam_unix)',
    });
    expect(parse('syslog3164', '2026-01-02T03:04:05+00:00 host app[3]: text')).toMatchObject({
      message: 'text',
      logger: 'app',
    });
    expect(parse('syslog3164', '2026-01-02 03:04:05 INFO text')).toBeUndefined();
  });

  it.each([
    [
      '2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.X: Created it',
      'info',
      'Created it',
      'org.apache.hadoop.X',
    ],
    [
      '2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]] - Notification time out: 3200',
      'info',
      undefined,
      undefined,
    ],
    ['[2024-05-06T07:08:09Z] [error] [pid 7] disk full: /dev/sda', 'error', 'disk full: /dev/sda', ''],
    ['2024-05-06 07:08:09 ERROR module.sub - broke', 'error', 'broke', 'module.sub'],
    ['17/06/09 20:10:40 INFO executor.Backend: Registered', 'info', 'Registered', 'executor.Backend'],
    ['2024-05-06 07:08:09.123  WARN 1 --- [nio-8080] o.s.web.Servlet : slow', 'warn', undefined, undefined],
    ['2024-05-06 07:08:09 just text, no level: at all', 'unknown', 'just text, no level: at all', ''],
    ['2024-05-06T07:08:09Z\tINFO\tstarted', 'info', 'started', ''],
    ['2024-05-06 07:08:09,1 | DEBUG | app | hi', 'debug', undefined, undefined],
  ])('text: %s', (line, level, message, logger) => {
    const found = parse('text', line);
    expect(found?.level).toBe(level);
    if (message !== undefined) expect(found).toMatchObject({ message, logger });
  });

  it('are told by their first lines', () => {
    const detect = (...lines: string[]) =>
      detectFormat(
        lines.map((line) => Buffer.from(line)),
        parsers,
      );
    expect(detect('{"level":30,"msg":"a"}', '{"level":30,"msg":"b"}', 'Server listening')).toBe('json');
    expect(detect('level=info msg=a', 'level=info msg=b')).toBe('logfmt');
    expect(detect('1.1.1.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 1')).toBe('access');
    expect(detect('<34>1 2003-10-11T22:14:15.003Z h a p m - x')).toBe('syslog5424');
    expect(detect('Jun 14 15:16:01 combo sshd[1]: x', 'Jun 14 15:16:02 combo su: y')).toBe('syslog3164');
    expect(
      detect('2024-05-06 07:08:09 INFO x', '\tat a.b.C(D.java:1)', 'java.lang.X: y', '2024-05-06 07:08:09 INFO z'),
    ).toBe('text');
    expect(detect('hello world', 'foo')).toBe('plain');
    expect(detect()).toBe('plain');
  });

  it('take any bytes without an error, and give ranges within what they were given', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '"',
      ':',
      ',',
      '<34>',
      '1 ',
      '2024-05-06 07:08:09',
      'Jun 14 15:16:01',
      ' ',
      '[',
      ']',
      'INFO',
      'a=b',
      '\\',
      '\\u12',
      '- ',
      'x',
      '10',
      '\0',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const line = Buffer.from(pieces.join(''));
        for (const format of Object.keys(parsers) as (keyof typeof parsers)[]) {
          if (!parsers[format](line, 0, line.length, record)) continue;
          expect(record.messageStart).toBeGreaterThanOrEqual(0);
          expect(record.messageEnd).toBeGreaterThanOrEqual(record.messageStart);
          expect(record.messageEnd).toBeLessThanOrEqual(record.messageBytes.length);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
