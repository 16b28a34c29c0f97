import { FieldValues } from './field-values.js';
import { FORMATS, type LineParser, type LogFormat, newLogRecord } from './log-record.js';
import { AccessParser } from './parse-access.js';
import { JsonLineParser } from './parse-json.js';
import { LogfmtParser } from './parse-logfmt.js';
import { Syslog3164Parser, Syslog5424Parser } from './parse-syslog.js';
import { TextParser } from './parse-text.js';
import { TimestampReader } from './timestamp.js';

export type LineParsers = Readonly<Record<Exclude<LogFormat, 'plain'>, LineParser>>;

/** One parser for each format; they share what they read timestamps with. `now` decides the year of dates without one. */
export function createLineParsers(options: { readonly now: () => number }): LineParsers {
  const timestamps = new TimestampReader(options);
  const json = new JsonLineParser({ timestamps });
  const logfmt = new LogfmtParser({ timestamps });
  const access = new AccessParser({ timestamps, values: new FieldValues(timestamps) });
  const syslog5424 = new Syslog5424Parser({ timestamps });
  const syslog3164 = new Syslog3164Parser({ timestamps });
  const text = new TextParser({ timestamps });
  return {
    json: (bytes, start, end, record) => json.parse(bytes, start, end, record),
    logfmt: (bytes, start, end, record) => logfmt.parse(bytes, start, end, record),
    access: (bytes, start, end, record) => access.parse(bytes, start, end, record),
    syslog5424: (bytes, start, end, record) => syslog5424.parse(bytes, start, end, record),
    syslog3164: (bytes, start, end, record) => syslog3164.parse(bytes, start, end, record),
    text: (bytes, start, end, record) => text.parse(bytes, start, end, record),
  };
}

/** Lines that are looked at. */
export const DETECTION_LINES = 100;
/** Of those that are no continuation; stack traces must not outvote the format of their records. */
const NEEDED_SHARE = 0.6;

/** The format of most of the lines; `plain` where none fits. Earlier formats of the list are the more particular ones. */
export function detectFormat(lines: readonly Uint8Array[], parsers: LineParsers): LogFormat {
  const record = newLogRecord();
  const candidates = lines.filter((line) => line.length > 0 && line[0] !== 0x20 && line[0] !== 9);
  if (candidates.length === 0) return 'plain';
  for (const format of FORMATS) {
    if (format === 'plain') break;
    const fitting = candidates.filter((line) => parsers[format](line, 0, line.length, record)).length;
    if (fitting / candidates.length >= NEEDED_SHARE) return format;
  }
  // Records with long traces: few lines have a header, but those that have agree.
  for (const format of ['text', 'syslog3164', 'json'] as const) {
    const fitting = candidates.filter((line) => parsers[format](line, 0, line.length, record)).length;
    const first = candidates[0] as Uint8Array;
    if (fitting >= 2 && fitting / candidates.length >= 0.1 && parsers[format](first, 0, first.length, record))
      return format;
  }
  return 'plain';
}
