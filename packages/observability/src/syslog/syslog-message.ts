import { type LogLevel, type LogRecord, toJsonLine, toTextLine } from '../log-line.js';

/** RFC 5424, table 1: those an application may use. */
const FACILITIES: Readonly<Record<SyslogFacility, number>> = {
  user: 1,
  daemon: 3,
  auth: 4,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};
export type SyslogFacility =
  | 'user'
  | 'daemon'
  | 'auth'
  | 'local0'
  | 'local1'
  | 'local2'
  | 'local3'
  | 'local4'
  | 'local5'
  | 'local6'
  | 'local7';

/** RFC 5424, table 2. */
const SEVERITIES: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** Fields that also stand in the structured data, for servers that don't look into messages. */
const IDS = ['requestId', 'conversationId', 'jobId', 'traceId'] as const;
const MAX_ID = 128;
/** RFC 5424, 7.3.1: from 1 on, and from 1 again after this. */
const LAST_SEQUENCE_ID = 2_147_483_647;
const BOM = '\uFEFF';

export interface SyslogFormatOptions {
  readonly facility: SyslogFacility;
  readonly hostname: string;
  readonly appName: string;
  readonly processId: number;
  /** SD-ID of our structured data: `name@private-enterprise-number`. */
  readonly structuredDataId: string;
  /** `json`: the message is the JSON line, in ASCII. `text`: the message and its fields, in UTF-8 after a byte order mark. */
  readonly format: 'json' | 'text';
  /** Bytes of one message; what is longer is shortened. */
  readonly maxBytes: number;
}

export interface SyslogMessage {
  readonly text: string;
  readonly bytes: number;
  readonly truncated: boolean;
}

/** Says log records in the words of RFC 5424, each numbered (`meta sequenceId`): a receiver sees what is missing or came twice. */
export function createSyslogFormat(options: SyslogFormatOptions): (record: LogRecord) => SyslogMessage {
  const facility = FACILITIES[options.facility] * 8;
  const { structuredDataId, format, maxBytes } = options;
  const origin = `${printable(options.hostname, 255)} ${printable(options.appName, 48)} ${options.processId} -`;
  let sequenceId = 0;
  return (record) => {
    sequenceId = sequenceId === LAST_SEQUENCE_ID ? 1 : sequenceId + 1;
    const fields = fieldsOf(record);
    const ids = IDS.map((name) => param(name, fields[name])).join('');
    const head =
      `<${facility + SEVERITIES[record.level]}>1 ${record.time} ${origin} ` +
      `[meta sequenceId="${sequenceId}"][${structuredDataId} role="${escapeParam(record.role)}"${ids}]`;
    const room = maxBytes - Buffer.byteLength(head) - 1;
    const whole = format === 'json' ? ascii(toJsonLine(record)) : withMark(toTextLine(record));
    const wholeBytes = Buffer.byteLength(whole);
    if (wholeBytes <= room) return message(`${head} ${whole}`, false);
    return message(`${head} ${format === 'json' ? shortJson(record, fields, room) : shortText(whole, room)}`, true);
  };
}

function message(text: string, truncated: boolean): SyslogMessage {
  return { text, bytes: Buffer.byteLength(text), truncated };
}

function fieldsOf({ fieldsJson }: LogRecord): Readonly<Record<string, unknown>> {
  return fieldsJson === '' ? {} : (JSON.parse(`{${fieldsJson.slice(1)}}`) as Readonly<Record<string, unknown>>);
}

function param(name: string, value: unknown): string {
  return typeof value === 'string' && value !== '' ? ` ${name}="${escapeParam(value.slice(0, MAX_ID))}"` : '';
}

/** RFC 5424, 6.3.3. Control characters are allowed there, but not by many receivers. */
function escapeParam(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
    .replace(/["\\\]]/g, '\\$&');
}

/** PRINTUSASCII (RFC 5424, 6.2), or the nil value. */
function printable(text: string, longest: number): string {
  const clean = text.replace(/[^\x21-\x7e]/g, '_').slice(0, longest);
  return clean === '' ? '-' : clean;
}

/** JSON whose other characters are escapes: no byte order mark is needed, and no parser stumbles over one. */
function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function withMark(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : BOM + text.toWellFormed();
}

/** Still JSON: short fields stay as far as there is room, and what is left is the message's. */
function shortJson(record: LogRecord, fields: Readonly<Record<string, unknown>>, room: number): string {
  const { time, level, role } = record;
  let kept = '';
  const line = (text: string): string =>
    ascii(toJsonLine({ time, level, role, message: text, fieldsJson: `${kept},"truncated":true` }));
  const half = Math.max(0, room - line('').length) / 2;
  for (const [name, value] of Object.entries(fields)) {
    const member = `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
    const isShort = typeof value !== 'object' && member.length <= 200;
    if (isShort && ascii(kept + member).length <= half) kept += member;
  }
  let text = record.message;
  // A character may be six times as long when escaped: a few rounds of what one takes on average come close enough.
  for (let json = line(text); ; json = line(text)) {
    const over = json.length - room;
    if (over <= 0 || text === '') return json;
    const cut = Math.ceil((over * text.length) / ascii(JSON.stringify(text)).length);
    text = text.slice(0, Math.max(0, text.length - Math.max(1, cut))).replace(/[\uD800-\uDBFF]$/, '');
  }
}

/** Cut between two characters. */
function shortText(text: string, room: number): string {
  const bytes = Buffer.from(text);
  let end = Math.max(0, Math.min(bytes.length, room));
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
