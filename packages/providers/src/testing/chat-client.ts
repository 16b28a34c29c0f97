import type { JsonObject } from '../caller-request.js';

interface Chunk {
  readonly simulated?: boolean;
  readonly system_fingerprint?: string;
  readonly choices?: readonly {
    readonly delta: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number; readonly prompt_tokens: number } | null;
  readonly error?: { readonly message: string; readonly code: string | null };
}

interface Answer {
  readonly simulated?: boolean;
  readonly choices: readonly {
    readonly message: {
      readonly content: string | null;
      readonly refusal: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
    };
    readonly finish_reason: string;
  }[];
  readonly usage: { readonly completion_tokens: number; readonly prompt_tokens: number };
  readonly error: { readonly message: string; readonly code: string | null; readonly param: string | null };
}

/** A plain reader of OpenAI chat completions for tests: it shows also what a proper client would refuse. */
export function createChatClient(baseUrl: () => string) {
  const post = (body: JsonObject, signal?: AbortSignal): Promise<Response> =>
    fetch(`${baseUrl()}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'What is this?' }], ...body }),
      ...(signal === undefined ? {} : { signal }),
    });

  return {
    post,
    answer: async (body: JsonObject) => {
      const response = await post(body);
      return { response, body: (await response.json()) as Answer };
    },
    /** Reads a stream to its end or its break. */
    stream: async (body: JsonObject) => {
      const response = await post({ stream: true, ...body });
      const { broken, raw } = await readAll(response);
      const data = raw
        .split('\n\n')
        .filter((event) => event.startsWith('data: '))
        .map((event) => event.slice(6));
      const chunks = data.flatMap(parseChunk);
      const choices = chunks.flatMap((chunk) => chunk.choices ?? []);
      return {
        response,
        raw,
        broken,
        data,
        chunks,
        text: choices.map((choice) => choice.delta.content ?? '').join(''),
        finish: choices.findLast((choice) => choice.finish_reason !== null)?.finish_reason,
        done: data.at(-1) === '[DONE]',
      };
    },
  };
}

/** A body as far as it comes. */
export async function readAll(response: Response): Promise<{ readonly raw: string; readonly broken: boolean }> {
  const pieces: Uint8Array[] = [];
  let broken = false;
  try {
    for await (const chunk of response.body ?? []) pieces.push(chunk);
  } catch {
    broken = true;
  }
  return { raw: Buffer.concat(pieces).toString('utf8'), broken };
}

/** Reads a body until it holds `text`; the rest can be read on. @throws where it ends before */
export async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, text: string): Promise<string> {
  let raw = '';
  while (!raw.includes(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`The body ended without ${text}: ${raw.slice(-200)}`);
    raw += Buffer.from(value).toString('utf8');
  }
  return raw;
}

function parseChunk(text: string): Chunk[] {
  try {
    return text === '[DONE]' ? [] : [JSON.parse(text) as Chunk];
  } catch {
    return [];
  }
}
