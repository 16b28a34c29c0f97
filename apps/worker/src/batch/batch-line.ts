import type { BatchEndpoint } from '@moltbot/contracts';
import type { InputLine } from './input-lines.js';

/** One request of a batch, or why its line is none. */
export type BatchLine =
  | { readonly type: 'request'; readonly line: number; readonly customId: string; readonly body: Buffer }
  | {
      readonly type: 'refused';
      readonly line: number;
      readonly customId: string | null;
      readonly code: string;
      readonly message: string;
    };

const LONGEST_ID = 512;
const PROBLEMS = {
  'too-long': 'The line is too long.',
  'not-utf8': 'The line is not UTF-8.',
};

/** Reads a line as OpenAI's Batch API has it: `{custom_id, method, url, body}`. What else is in it is not looked at. */
export function readBatchLine(input: InputLine, endpoint: BatchEndpoint): BatchLine {
  const { line } = input;
  const refused = (code: string, message: string, customId: string | null = null): BatchLine => ({
    type: 'refused',
    line,
    customId,
    code,
    message: `Line ${line}: ${message}`,
  });
  if ('problem' in input) return refused('invalid_line', PROBLEMS[input.problem]);
  const value = parsed(input.text);
  if (value === undefined) return refused('invalid_json_line', 'This line is not one valid JSON object.');
  const { custom_id: id, method, url, body } = value;
  if (typeof id !== 'string' || id === '' || id.length > LONGEST_ID) {
    return refused('missing_custom_id', `custom_id: expected a text of 1 to ${LONGEST_ID} characters.`);
  }
  const customId = id.toWellFormed();
  if (method !== 'POST') return refused('invalid_method', 'method: expected "POST".', customId);
  if (url !== endpoint) return refused('mismatched_url', `url: expected "${endpoint}", as the batch says.`, customId);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refused('invalid_body', 'body: expected an object.', customId);
  }
  if ((body as { readonly stream?: unknown }).stream === true) {
    return refused('invalid_body', 'body.stream: answers of batches are whole.', customId);
  }
  return { type: 'request', line, customId, body: Buffer.from(JSON.stringify(body)) };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // No JSON.
  }
  return undefined;
}
