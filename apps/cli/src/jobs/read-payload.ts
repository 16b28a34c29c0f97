import { readFile } from 'node:fs/promises';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** The server takes no more. */
const MAX_BYTES = 65_536;

/** A JSON object: as it is, from a file (`@FILE`), or from stdin (`-`); `{}` where nothing is said. @throws CommandError `usage` */
export async function readPayload(context: CommandContext, value: string | boolean | undefined): Promise<object> {
  const { messages } = context;
  if (typeof value !== 'string') return {};
  const text = await read(value, context);
  if (Buffer.byteLength(text) > MAX_BYTES) throw new CommandError('usage', messages.payloadTooLarge(MAX_BYTES));
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch (error) {
    throw new CommandError('usage', messages.payloadNoJson, { cause: error });
  }
  if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) return payload;
  throw new CommandError('usage', messages.payloadNoJson);
}

async function read(value: string, { stdin, messages }: CommandContext): Promise<string> {
  if (value === '-') {
    let text = '';
    for await (const piece of stdin.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece;
      if (text.length > MAX_BYTES) break;
    }
    return text;
  }
  if (!value.startsWith('@')) return value;
  try {
    return await readFile(value.slice(1), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError('usage', messages.payloadUnreadable(value.slice(1), code ?? ''), { cause: error });
  }
}
