import { FieldFault, type Fields, listAt, objectAt, textAt } from './example-fields.js';

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;
type Role = (typeof ROLES)[number];

/** What is sent of a message, by its role; what else is in an export (times, ids) is not. */
const KNOWN: Readonly<Record<Role, readonly string[]>> = {
  system: ['role', 'content', 'name'],
  developer: ['role', 'content', 'name'],
  user: ['role', 'content', 'name'],
  assistant: ['role', 'content', 'name', 'refusal', 'tool_calls', 'weight'],
  tool: ['role', 'content', 'tool_call_id'],
};
const MOST_MESSAGES = 2_048;
const MOST_TOOLS = 128;
const FUNCTION_NAME = /^[\w-]{1,64}$/;

export interface ReadMessages {
  readonly list: readonly Fields[];
  readonly leftOut: number;
}

/** The names of the functions. @throws FieldFault */
export function readTools(value: unknown, path: string): ReadonlySet<string> {
  const tools = listAt(value, path);
  if (tools.length > MOST_TOOLS) throw new FieldFault(path, `expected at most ${MOST_TOOLS} tools`);
  return new Set(
    tools.map((entry, index) => {
      const at = `${path}.${index}`;
      const tool = objectAt(entry, at);
      if (tool['type'] !== 'function') throw new FieldFault(`${at}.type`, 'expected "function"');
      return nameAt(objectAt(tool['function'], `${at}.function`)['name'], `${at}.function.name`);
    }),
  );
}

/**
 * The messages of a conversation: roles, contents, and each call of a tool answered by a message of its id.
 * @throws FieldFault
 */
export function readMessages(
  messages: readonly unknown[],
  { path, tools }: { readonly path: string; readonly tools: ReadonlySet<string> | undefined },
): ReadMessages {
  if (messages.length > MOST_MESSAGES) throw new FieldFault(path, `expected at most ${MOST_MESSAGES} messages`);
  const list: Fields[] = [];
  const open = new Set<string>();
  let leftOut = 0;
  for (const [index, entry] of messages.entries()) {
    const at = `${path}.${index}`;
    const message = objectAt(entry, at);
    const role = roleAt(message['role'], `${at}.role`);
    if (role === 'tool') answer(open, message['tool_call_id'], `${at}.tool_call_id`);
    else unanswered(open, at);
    checkContent(message, role, at);
    if (role === 'assistant') callsOf(message, { at, tools, open });
    const kept = KNOWN[role].filter((name) => message[name] !== undefined && message[name] !== null);
    leftOut += Object.keys(message).filter((name) => !KNOWN[role].includes(name)).length;
    list.push(Object.fromEntries(kept.map((name) => [name, message[name]])));
  }
  return { list, leftOut };
}

function roleAt(value: unknown, path: string): Role {
  const role = ROLES.find((known) => known === value);
  if (role !== undefined) return role;
  throw new FieldFault(path, `expected one of ${ROLES.join(', ')}`);
}

function answer(open: Set<string>, id: unknown, path: string): void {
  if (typeof id === 'string' && open.delete(id)) return;
  throw new FieldFault(path, 'expected the id of a call that the assistant’s message before it makes');
}

/** What was called must be answered before anybody else speaks. */
function unanswered(open: ReadonlySet<string>, at: string): void {
  const [id] = open;
  if (id === undefined) return;
  throw new FieldFault(at, `expected the tool’s answer to the call ${JSON.stringify(id.slice(0, 64))} first`);
}

function checkContent(message: Fields, role: Role, at: string): void {
  const { content } = message;
  const calls = message['tool_calls'];
  if (role === 'assistant' && (content === null || content === undefined || content === '')) {
    if (Array.isArray(calls) && calls.length > 0) return;
    if (typeof message['refusal'] === 'string') return;
    throw new FieldFault(`${at}.content`, 'expected a text, because the message calls no tool');
  }
  if (typeof content === 'string') {
    if (content !== '' || role === 'tool') return;
    throw new FieldFault(`${at}.content`, 'expected a text that is not empty');
  }
  for (const [index, entry] of listAt(content, `${at}.content`).entries()) {
    const where = `${at}.content.${index}`;
    const part = objectAt(entry, where);
    if (part['type'] === 'text') textAt(part['text'], `${where}.text`);
    else if (part['type'] === 'image_url' && role === 'user') {
      textAt(objectAt(part['image_url'], `${where}.image_url`)['url'], `${where}.image_url.url`);
    } else {
      const images = role === 'user' ? ' or "image_url"' : '';
      throw new FieldFault(`${where}.type`, `expected "text"${images}`);
    }
  }
}

function callsOf(
  message: Fields,
  options: { readonly at: string; readonly tools: ReadonlySet<string> | undefined; readonly open: Set<string> },
): void {
  const { at, tools, open } = options;
  const { weight } = message;
  if (weight !== undefined && weight !== null && weight !== 0 && weight !== 1) {
    throw new FieldFault(`${at}.weight`, 'expected 0 or 1');
  }
  const calls = message['tool_calls'];
  if (calls === undefined || calls === null) return;
  for (const [index, entry] of listAt(calls, `${at}.tool_calls`).entries()) {
    const where = `${at}.tool_calls.${index}`;
    const call = objectAt(entry, where);
    const id = textAt(call['id'], `${where}.id`);
    if (open.has(id)) throw new FieldFault(`${where}.id`, 'expected an id that no other call has');
    if (call['type'] !== 'function') throw new FieldFault(`${where}.type`, 'expected "function"');
    const called = objectAt(call['function'], `${where}.function`);
    const name = nameAt(called['name'], `${where}.function.name`);
    if (tools !== undefined && !tools.has(name)) {
      throw new FieldFault(`${where}.function.name`, 'expected the name of one of the tools');
    }
    if (!isJsonText(called['arguments'])) {
      throw new FieldFault(`${where}.function.arguments`, 'expected a text that is JSON');
    }
    open.add(id);
  }
}

function nameAt(value: unknown, path: string): string {
  const name = textAt(value, path);
  if (FUNCTION_NAME.test(name)) return name;
  throw new FieldFault(path, 'expected up to 64 letters, digits, _ or -');
}

function isJsonText(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}
