import { describe, expect, it } from '@jest/globals';
import { fieldsToJson, type LogFields, type LogRecord } from '../log-line.js';
import { createSyslogFormat, type SyslogFormatOptions } from './syslog-message.js';

const record = (message: string, fields?: LogFields): LogRecord => ({
  time: '2026-01-02T03:04:05.006Z',
  level: 'warn',
  message,
  role: 'primary',
  fieldsJson: fieldsToJson(fields),
});

const formatOf = (options: Partial<SyslogFormatOptions> = {}) =>
  createSyslogFormat({
    facility: 'local0',
    hostname: 'host.test',
    appName: 'moltbot',
    processId: 42,
    structuredDataId: 'moltbot@32473',
    format: 'json',
    maxBytes: 2_048,
    ...options,
  });

/** RFC 5424, section 6: the header, structured data, the message. */
const MESSAGE =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) (\d+) - ((?:\[[\x21-\x7e]+(?: [\x21-\x7e]+="(?:[^"\\\]]|\\["\\\]])*")*\])+) ([\s\S]*)$/u;

function parse(text: string): { pri: number; data: string; message: string; app: string; host: string } {
  const match = MESSAGE.exec(text);
  if (match === null) throw new Error(`no RFC 5424: ${text}`);
  const [, pri, , host = '', app = '', , data = '', message = ''] = match;
  return { pri: Number(pri), data, message, app, host };
}

describe('a syslog message', () => {
  it('is a line of RFC 5424: priority, time, host, program, process, numbered and with ids, then the JSON line', () => {
    const format = formatOf();
    const { text, bytes } = format(record('attempt failed', { requestId: 'req_1', conversationId: 'c7', status: 503 }));
    expect(text).toBe(
      '<132>1 2026-01-02T03:04:05.006Z host.test moltbot 42 - ' +
        '[meta sequenceId="1"][moltbot@32473 role="primary" requestId="req_1" conversationId="c7"] ' +
        '{"time":"2026-01-02T03:04:05.006Z","level":"warn","message":"attempt failed","role":"primary","requestId":"req_1","conversationId":"c7","status":503}',
    );
    expect(bytes).toBe(text.length);
    expect(parse(format(record('next')).text).data).toContain('sequenceId="2"');
  });

  it('takes its priority from facility and level', () => {
    const levels = { error: 3, warn: 4, info: 6, debug: 7 } as const;
    for (const [level, severity] of Object.entries(levels)) {
      const { text } = formatOf({ facility: 'daemon' })({ ...record('x'), level: level as keyof typeof levels });
      expect(parse(text).pri).toBe(3 * 8 + severity);
    }
  });

  it('escapes what would end a parameter, and lets nobody forge structured data or a second line', () => {
    const { text } = formatOf()(record('a\nb', { requestId: 'x"] [evil@1 a="b\\\n' }));
    const { data } = parse(text);
    expect(data).toContain(String.raw`requestId="x\"\] [evil@1 a=\"b\\ "`);
    expect(text).not.toContain('\n');
  });

  it('is ASCII as JSON, and UTF-8 after a byte order mark as text, but only where it needs to be', () => {
    const json = parse(formatOf()(record('größe 😀')).text).message;
    expect(json).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(json)).toMatchObject({ message: 'größe 😀' });

    const text = formatOf({ format: 'text' });
    expect(parse(text(record('größe', { n: 1 })).text).message).toBe('\uFEFFgröße n=1');
    expect(parse(text(record('plain', { error: new Error('no\nroute') })).text).message).toBe(
      'plain error=Error: no\\nroute',
    );
  });

  it('makes names of the header printable, and never empty', () => {
    const { host, app } = parse(formatOf({ hostname: 'my höst', appName: '' })(record('x')).text);
    expect({ host, app }).toEqual({ host: 'my_h_st', app: '-' });
  });

  it.each([480, 512, 1_024, 2_048])(
    'keeps to %i bytes, still as JSON with its ids, and says that it was cut',
    (maxBytes) => {
      const format = formatOf({ maxBytes });
      for (const message of ['x'.repeat(8_000), '😀'.repeat(4_000), '"\\'.repeat(4_000), 'short']) {
        const { text, bytes, truncated } = format(
          record(message, {
            requestId: 'req_1',
            list: Array.from({ length: 500 }, () => 'wide'),
            note: 'n'.repeat(3_000),
          }),
        );
        expect(truncated).toBe(true);
        expect(bytes).toBe(Buffer.byteLength(text));
        expect(bytes).toBeLessThanOrEqual(maxBytes);
        const json = JSON.parse(parse(text).message) as { message: string; requestId: string; truncated: boolean };
        expect(json.truncated).toBe(true);
        expect(message.startsWith(json.message)).toBe(true);
        expect(json.requestId).toBe('req_1');
      }
    },
  );

  it('cuts text between two characters', () => {
    const { text, bytes, truncated } = formatOf({ format: 'text', maxBytes: 480 })(record('😀'.repeat(1_000)));
    expect(truncated).toBe(true);
    expect(bytes).toBeLessThanOrEqual(480);
    expect(parse(text).message).toMatch(/^\uFEFF(?:😀)+$/u);
  });
});
