import { redact, redactField, type RedactOptions } from './redact.js';
import { redactText } from './redact-text.js';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Facts beside the message. An Error under any key is printed with its code, stack and cause. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One record on its way to the outputs; fields are already safe to print. */
export interface LogRecord {
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly role: string;
  /** `,"name":value` for each field, bound ones first. */
  readonly fieldsJson: string;
}

const RESERVED = new Set(['time', 'level', 'message', 'role']);
const MAX_MESSAGE = 8_192;

/** Members of a JSON object with a leading comma each, redacted: `,"a":1,"b":"c"`; empty where there are none. */
export function fieldsToJson(fields: LogFields | undefined, options: RedactOptions = {}): string {
  if (fields === undefined) return '';
  let json = '';
  for (const key of Object.keys(fields)) {
    const value = fieldValue(key, fields, options);
    if (value === undefined) continue;
    const name = RESERVED.has(key) ? `${key}_` : redactText(key);
    json += `,${JSON.stringify(name)}:${typeof value === 'number' ? String(value) : JSON.stringify(value)}`;
  }
  return json;
}

function fieldValue(key: string, fields: LogFields, options: RedactOptions): unknown {
  try {
    return redactField(key, fields[key], options);
  } catch {
    return '[unreadable]';
  }
}

/** Messages are redacted and bounded as fields are. */
export function messageText(message: unknown): string {
  const text = typeof message === 'string' ? message : JSON.stringify(redact(message) ?? null);
  return redactText(text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text);
}

/** One line of JSON without its end: `{"time","level","message","role",…fields}`. */
export function toJsonLine(record: LogRecord): string {
  return `{"time":"${record.time}","level":"${record.level}","message":${JSON.stringify(record.message)},"role":${JSON.stringify(record.role)}${record.fieldsJson}}`;
}

const COLOURS: Readonly<Record<LogLevel, string>> = { error: '31', warn: '33', info: '32', debug: '90' };

/** A line for people: `12:30:05.123 WARN  worker  message  name=value`; stacks follow, indented. */
export function toPrettyLine(record: LogRecord, { colour }: { readonly colour: boolean }): string {
  const paint = (code: string, text: string): string => (colour ? `\u001B[${code}m${text}\u001B[0m` : text);
  const level = paint(COLOURS[record.level], record.level.toUpperCase().padEnd(5));
  let line = `${paint('90', record.time.slice(11, 23))} ${level} ${paint('90', record.role.padEnd(7))} ${visible(record.message)}`;
  let stacks = '';
  for (const [name, value] of Object.entries(
    JSON.parse(`{${record.fieldsJson.slice(1)}}`) as Record<string, unknown>,
  )) {
    line += ` ${paint('90', `${visible(name)}=`)}${fieldText(value)}`;
    if (isErrorValue(value)) stacks += indented(value.stack);
  }
  return line + stacks;
}

/** The message and its fields without stacks, for a reader who knows time, level and role already. */
export function toTextLine(record: LogRecord): string {
  let line = visible(record.message);
  if (record.fieldsJson === '') return line;
  const fields = JSON.parse(`{${record.fieldsJson.slice(1)}}`) as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) line += ` ${visible(name)}=${fieldText(value)}`;
  return line;
}

function fieldText(value: unknown): string {
  if (isErrorValue(value)) return visible(`${value.name}: ${value.message}`);
  return visible(typeof value === 'string' ? value : JSON.stringify(value));
}

interface ErrorValue {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

function isErrorValue(value: unknown): value is ErrorValue {
  if (typeof value !== 'object' || value === null) return false;
  const { name, message, stack } = value as Readonly<Record<string, unknown>>;
  return typeof name === 'string' && typeof message === 'string' && typeof stack === 'string';
}

/** Without the first line, which the line itself shows; each indented, so that none can pass for a record. */
function indented(stack: string): string {
  return stack
    .split('\n')
    .slice(1)
    .map((frame) => `\n    ${visible(frame.trim())}`)
    .join('');
}

/** Control characters (line ends, terminal escapes) as their escapes. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
