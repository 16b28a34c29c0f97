import { isNativeError } from 'node:util/types';
import { type KeyRule, ruleOfKey } from './redact-key.js';
import { redactText, STARS } from './redact-text.js';

export interface RedactOptions {
  /** Keeps what people wrote (`messages`, `content`, `prompt`, …). Secrets go in any case. */
  readonly keepContent?: boolean | undefined;
}

/** Bounds of one redacted value: what lies beyond is counted, not printed. */
const MAX_DEPTH = 8;
const MAX_NODES = 2_000;
const MAX_ITEMS = 100;
const MAX_STRING = 8_192;
const MAX_CHARACTERS = 65_536;

interface Walk {
  readonly keepContent: boolean;
  nodes: number;
  characters: number;
  readonly ancestors: Set<object>;
}

/**
 * A plain copy that is safe to print: secrets by key name and by shape become `***`, contents their length, cycles and
 * what is too deep or too large a short note. Never throws, never returns a part of the original.
 */
export function redact(value: unknown, options: RedactOptions = {}): unknown {
  if (typeof value === 'string') return printableString(value);
  const walk: Walk = { keepContent: options.keepContent === true, nodes: 0, characters: 0, ancestors: new Set() };
  return visit(value, walk, false);
}

/** As `redact`, for a value that stands under a key. */
export function redactField(key: string, value: unknown, options: RedactOptions = {}): unknown {
  const rule = ruleOfKey(key);
  if (rule.kind === 'plain') return typeof value === 'object' ? redact(value, options) : visitPrimitive(value);
  const walk: Walk = { keepContent: options.keepContent === true, nodes: 0, characters: 0, ancestors: new Set() };
  return visitMember(rule, value, walk, false);
}

function printableString(text: string): string {
  if (text.length <= MAX_STRING) return redactText(text);
  return `${redactText(text.slice(0, MAX_STRING))}…[${text.length - MAX_STRING} more characters]`;
}

/** All but objects. */
function visitPrimitive(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return printableString(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return value.toString();
    case 'symbol':
      return '[symbol]';
    case 'function':
      return '[function]';
    default:
      return null;
  }
}

function visit(value: unknown, walk: Walk, numbersOnly: boolean): unknown {
  if (typeof value !== 'object' || value === null) {
    if (numbersOnly && typeof value === 'string' && value !== '') return STARS;
    const printed = visitPrimitive(value);
    if (typeof printed !== 'string') return printed;
    walk.characters += printed.length;
    return walk.characters > MAX_CHARACTERS ? '[too large]' : printed;
  }
  walk.nodes += 1;
  if (walk.nodes > MAX_NODES || walk.characters > MAX_CHARACTERS) return '[too large]';
  if (walk.ancestors.has(value)) return '[circular]';
  if (walk.ancestors.size >= MAX_DEPTH) return '[too deep]';
  walk.ancestors.add(value);
  try {
    return visitObject(value, walk, numbersOnly);
  } catch {
    return '[unreadable]';
  } finally {
    walk.ancestors.delete(value);
  }
}

function visitObject(value: object, walk: Walk, numbersOnly: boolean): unknown {
  if (isNativeError(value) || value instanceof Error) return visitError(value, walk);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof URL) return printableString(value.href);
  if (Array.isArray(value)) return visitArray(value, walk, numbersOnly);
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return visit((value.toJSON as () => unknown)(), walk, numbersOnly);
  }
  if (value instanceof Map || isEntriesOfText(value)) return visitEntries(value, walk, numbersOnly);
  if (value instanceof Set) return visitArray([...take(value, MAX_ITEMS + 1)], walk, numbersOnly);
  const copy = visitEntries(ownEntries(value), walk, numbersOnly);
  if (isSecretPair(value as Readonly<Record<string, unknown>>)) copy['value'] = STARS;
  return copy;
}

/** `{ name: 'x-api-key', value: '…' }`, as in lists of headers and of variables. */
function isSecretPair({ name, key, value }: Readonly<Record<string, unknown>>): boolean {
  return typeof value === 'string' && value !== '' && (isSecretName(name) || isSecretName(key));
}

/** Headers, URLSearchParams, FormData: their pairs are not own properties. */
function isEntriesOfText(value: object): value is Iterable<[string, unknown]> {
  return value instanceof Headers || value instanceof URLSearchParams || value instanceof FormData;
}

function* ownEntries(value: object): Generator<[string, unknown]> {
  for (const key of Object.keys(value)) yield [key, (value as Record<string, unknown>)[key]];
}

function* take<T>(values: Iterable<T>, count: number): Generator<T> {
  let taken = 0;
  for (const value of values) {
    if (taken === count) return;
    taken += 1;
    yield value;
  }
}

function visitEntries(
  entries: Iterable<readonly [unknown, unknown]>,
  walk: Walk,
  numbersOnly: boolean,
): Record<string, unknown> {
  const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  let count = 0;
  for (const [key, member] of entries) {
    count += 1;
    if (count > MAX_ITEMS) {
      copy['…'] = '[more keys]';
      break;
    }
    const rule = ruleOfKey(typeof key === 'string' ? key : String(visitPrimitive(key)));
    walk.characters += rule.printed.length;
    copy[rule.printed] = visitMember(rule, member, walk, numbersOnly);
  }
  return copy;
}

function visitMember(rule: KeyRule, value: unknown, walk: Walk, numbersOnly: boolean): unknown {
  if (rule.kind === 'plain') return visit(value, walk, numbersOnly);
  // That a secret is absent or empty is worth knowing and tells nothing.
  if (value === undefined || value === null || value === '' || typeof value === 'boolean') return value;
  switch (rule.kind) {
    case 'secret':
      return STARS;
    case 'count':
      return visit(value, walk, true);
    case 'content':
      if (walk.keepContent || typeof value === 'number') return visit(value, walk, numbersOnly);
      return contentNote(value);
    default:
      return STARS;
  }
}

function contentNote(value: unknown): string {
  if (typeof value === 'string') return `[content: ${value.length} characters]`;
  if (Array.isArray(value)) return `[content: ${value.length} items]`;
  return '[content]';
}

/** Names in a list that nobody sends with a value behind them: dated ones (of migrations), and words for several. */
const NO_NAME_OF_A_VALUE = /^\d{4}-\d{2}-\d{2}|^[^-].*keys$/i;

function isSecretName(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 64 || NO_NAME_OF_A_VALUE.test(value)) return false;
  return ruleOfKey(value).kind === 'secret';
}

/** A flat list of header names and values, or of a command's arguments: after a secret name comes a secret. */
function visitArray(values: readonly unknown[], walk: Walk, numbersOnly: boolean): unknown[] {
  const copy: unknown[] = [];
  let afterSecretName = false;
  for (const value of values) {
    if (copy.length === MAX_ITEMS) {
      copy.push(`[${values.length - MAX_ITEMS} more items]`);
      break;
    }
    copy.push(afterSecretName && typeof value === 'string' ? STARS : visit(value, walk, numbersOnly));
    afterSecretName = isSecretName(value);
  }
  return copy;
}

function visitError(error: Error, walk: Walk): unknown {
  const copy: Record<string, unknown> = {
    name: visitPrimitive(error.name),
    message: visitPrimitive(error.message),
  };
  for (const [key, value] of ownEntries(error)) {
    if (key !== 'name' && key !== 'message' && key !== 'stack' && key !== 'cause') {
      const rule = ruleOfKey(key);
      copy[rule.printed] = visitMember(rule, value, walk, false);
    }
  }
  if (typeof error.stack === 'string') copy['stack'] = printableString(error.stack);
  if (error.cause !== undefined) copy['cause'] = visit(error.cause, walk, false);
  if (error instanceof AggregateError) copy['errors'] = visit(error.errors, walk, false);
  walk.characters += String(copy['message']).length + (error.stack?.length ?? 0);
  return copy;
}
