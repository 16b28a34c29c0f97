import { type Fields, FieldFault, listAt, objectAt } from './example-fields.js';
import { readMessages, readTools } from './example-messages.js';

/** How an example is written: a conversation to learn from, or two answers of which one is preferred. */
export type ExampleForm = 'supervised' | 'dpo';

/** One line of a data set: what is sent of it, that it was left out, or what is wrong with it. */
export type TrainingExample =
  | {
      readonly type: 'example';
      /** One JSON object, of known fields only. */
      readonly text: string;
      readonly messages: number;
      /** An estimate: four bytes of text each. */
      readonly tokens: number;
      /** Fields of the line that are not sent. */
      readonly leftOut: number;
    }
  | { readonly type: 'below-rating' }
  | { readonly type: 'fault'; readonly message: string };

const TOKEN_BYTES = 4;
/** What a message takes beside its text. */
const MESSAGE_TOKENS = 4;
const SUPERVISED = new Set(['messages', 'tools', 'parallel_tool_calls']);
const PREFERENCE = new Set(['input', 'preferred_output', 'non_preferred_output']);
const PREFERENCE_INPUT = new Set(['messages', 'tools', 'parallel_tool_calls']);
const RATINGS = ['rating', 'score'] as const;

/**
 * Reads a line as OpenAI's fine-tuning guide has it; with `minRating` as an export of rated conversations, of which those
 * below are left out.
 */
export function readTrainingExample(
  text: string,
  options: { readonly form: ExampleForm; readonly minRating?: number | undefined },
): TrainingExample {
  const { form, minRating } = options;
  try {
    const line = objectAt(parsed(text), '');
    if (minRating !== undefined && ratingOf(line) < minRating) return { type: 'below-rating' };
    return form === 'dpo' ? preference(line) : supervised(line);
  } catch (error) {
    if (error instanceof FieldFault) return { type: 'fault', message: error.message };
    throw error;
  }
}

function supervised(line: Fields): TrainingExample {
  const example = conversation(line, '', SUPERVISED);
  const last = example.messages.at(-1);
  if (last?.['role'] !== 'assistant') {
    throw new FieldFault(
      `messages.${example.messages.length - 1}.role`,
      'expected "assistant": the last message is learned',
    );
  }
  return toExample({ ...example.fields }, example.messages, example.leftOut);
}

function preference(line: Fields): TrainingExample {
  const input = conversation(objectAt(line['input'], 'input'), 'input.', PREFERENCE_INPUT);
  if (input.messages.at(-1)?.['role'] === 'assistant') {
    throw new FieldFault(`input.messages.${input.messages.length - 1}.role`, 'expected the message that is answered');
  }
  const outputs = (['preferred_output', 'non_preferred_output'] as const).map((name) => {
    const messages = readMessages(listAt(line[name], name), { path: name, tools: undefined });
    if (messages.list.some(({ role }) => role !== 'assistant')) {
      throw new FieldFault(name, 'expected messages of the assistant only');
    }
    return messages;
  });
  const [preferred, other] = outputs;
  const fields = { input: input.fields, preferred_output: preferred?.list, non_preferred_output: other?.list };
  const leftOut =
    input.leftOut + unknownOf(line, PREFERENCE) + outputs.reduce((sum, output) => sum + output.leftOut, 0);
  return toExample(fields, [...input.messages, ...outputs.flatMap(({ list }) => list)], leftOut);
}

function conversation(line: Fields, path: string, known: ReadonlySet<string>) {
  const tools =
    line['tools'] === undefined || line['tools'] === null ? undefined : readTools(line['tools'], `${path}tools`);
  const { list, leftOut } = readMessages(listAt(line['messages'], `${path}messages`), {
    path: `${path}messages`,
    tools,
  });
  const parallel = line['parallel_tool_calls'];
  if (parallel !== undefined && typeof parallel !== 'boolean') {
    throw new FieldFault(`${path}parallel_tool_calls`, 'expected true or false');
  }
  const fields: Fields = {
    messages: list,
    ...(tools !== undefined && { tools: line['tools'] }),
    ...(parallel !== undefined && { parallel_tool_calls: parallel }),
  };
  return { fields, messages: list, leftOut: leftOut + unknownOf(line, known) };
}

function toExample(fields: Fields, messages: readonly Fields[], leftOut: number): TrainingExample {
  const tokens = messages.reduce(
    (sum, message) =>
      sum + MESSAGE_TOKENS + Math.ceil(bytesOf(message['content'], message['tool_calls']) / TOKEN_BYTES),
    0,
  );
  return { type: 'example', text: JSON.stringify(fields), messages: messages.length, tokens, leftOut };
}

function bytesOf(content: unknown, toolCalls: unknown): number {
  const text = typeof content === 'string' ? content : content === null || content === undefined ? '' : textOf(content);
  return Buffer.byteLength(text) + (toolCalls === undefined ? 0 : Buffer.byteLength(JSON.stringify(toolCalls)));
}

/** Of parts only the text counts: what an image takes depends on the model. */
function textOf(content: unknown): string {
  return (content as readonly Fields[]).map((part) => (typeof part['text'] === 'string' ? part['text'] : '')).join('');
}

/** `true` is 1 and `false` 0: thumbs up or down. */
function ratingOf(line: Fields): number {
  const name = RATINGS.find((known) => line[known] !== undefined && line[known] !== null);
  const value = name === undefined ? undefined : line[name];
  const rating = typeof value === 'boolean' ? Number(value) : value;
  if (typeof rating === 'number') return rating;
  throw new FieldFault(
    name ?? 'rating',
    'expected a number (`rating` or `score`), because a smallest rating is asked for',
  );
}

function unknownOf(line: Fields, known: ReadonlySet<string>): number {
  return Object.keys(line).filter((name) => !known.has(name) && !RATINGS.some((rating) => rating === name)).length;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new FieldFault('', 'expected one valid JSON object');
  }
}
