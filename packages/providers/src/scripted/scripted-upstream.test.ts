import { afterEach, describe, expect, it } from '@jest/globals';
import type { Dialect } from '@moltbot/contracts';
import { readAll, readUntil } from '../testing/chat-client.js';
import { SCRIPTED_TEXT } from './behaviour.js';
import { type Script, type ScriptedUpstream, startScriptedUpstream } from './scripted-upstream.js';

let upstream: ScriptedUpstream;

afterEach(async () => {
  await upstream.close();
});

interface Shape {
  readonly path: string;
  readonly streamPath?: string;
  /** A conversation; `prefill` is its last, an assistant's message. */
  readonly body: (prefill: string | undefined) => object;
}

const message = (role: string, content: string | undefined) => (content === undefined ? [] : [{ role, content }]);
const openAiMessages = (prefill: string | undefined) => [...message('user', 'Hello'), ...message('assistant', prefill)];

const SHAPES: Readonly<Record<Dialect, Shape>> = {
  'openai-chat': { path: '/chat/completions', body: (prefill) => ({ model: 'm', messages: openAiMessages(prefill) }) },
  'openai-responses': { path: '/responses', body: (prefill) => ({ model: 'm', input: openAiMessages(prefill) }) },
  'anthropic-messages': { path: '/messages', body: (prefill) => ({ model: 'm', messages: openAiMessages(prefill) }) },
  gemini: {
    path: '/models/m:generateContent',
    streamPath: '/models/m:streamGenerateContent?alt=sse',
    body: (prefill) => ({
      contents: openAiMessages(prefill).map(({ content, role }) => ({
        role: role === 'assistant' ? 'model' : 'user',
        parts: [{ text: content }],
      })),
    }),
  },
};
const DIALECTS = Object.keys(SHAPES) as Dialect[];

async function start(script: Script) {
  upstream = await startScriptedUpstream({ script, models: ['one', 'two'] });
}

interface PostOptions {
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
  readonly prefill?: string;
}

function post(dialect: Dialect, { prefill, signal, stream = false }: PostOptions = {}) {
  const { body, path, streamPath } = SHAPES[dialect];
  const said = { ...body(prefill), ...(stream && streamPath === undefined ? { stream: true } : {}) };
  return fetch(upstream.baseUrl(dialect) + (stream ? (streamPath ?? path) : path), {
    method: 'POST',
    body: JSON.stringify(said),
    ...(signal === undefined ? {} : { signal }),
  });
}

describe.each(DIALECTS)('the scripted %s upstream', (dialect) => {
  it('answers whole and as a stream, and records what it saw', async () => {
    await start({ type: 'answer', answer: { text: 'Good morning' } });
    const whole = await (await post(dialect)).text();
    expect(whole).toContain('Good morning');
    const streamed = await (await post(dialect, { stream: true })).text();
    expect(streamed).toContain('Good');
    expect(streamed).toContain(' morning');
    expect(upstream.requests.map((request) => [request.dialect, request.model, request.stream])).toEqual([
      [dialect, 'm', false],
      [dialect, 'm', true],
    ]);
    expect(upstream.requests[0]?.turns).toEqual([{ role: 'user', text: 'Hello' }]);
  });

  it('gives the dialect’s own error object with a status', async () => {
    await start({ type: 'status', status: 429, headers: { 'retry-after': '2' } });
    const response = await post(dialect, { stream: true });
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2']);
    expect((await response.json()) as object).toHaveProperty('error.message');
  });

  it('cuts, stalls, ends early and breaks events where the script says', async () => {
    await start([
      { type: 'cut', after: 3 },
      { type: 'no-finish' },
      { type: 'malformed', after: 1 },
      { type: 'error-event', after: 0 },
    ]);
    const cut = await readAll(await post(dialect, { stream: true }));
    expect(cut.broken).toBe(true);
    expect(cut.raw).toContain('word3');
    expect(cut.raw).not.toContain('word4');
    const unfinished = await readAll(await post(dialect, { stream: true }));
    expect(unfinished.broken).toBe(false);
    expect(unfinished.raw).toContain('word60');
    expect(unfinished.raw).not.toMatch(/\[DONE\]|message_stop|response\.completed|finishReason/);
    const malformed = await readAll(await post(dialect, { stream: true }));
    expect(
      malformed.raw.split('\n').filter((line) => line.startsWith('data: ') && !isJson(line.slice(6))),
    ).toHaveLength(dialect === 'openai-chat' ? 2 : 1);
    const failed = await readAll(await post(dialect, { stream: true }));
    expect(failed.raw).toContain('Scripted error in the stream.');
    expect(failed.raw).not.toContain('word1');
  });

  it('notices when its client leaves', async () => {
    await start({ type: 'stall', after: 2 });
    const leaving = new AbortController();
    const response = await post(dialect, { stream: true, signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    const seen = await upstream.waitForClose(0);
    expect(seen.closedByClientAt).toBeGreaterThan(seen.at);
    expect(seen.endedAt).toBeUndefined();
    expect(seen.bytesWritten).toBeGreaterThan(0);
  });

  it('refuses a prefill, or continues it exactly', async () => {
    await start({ type: 'refuse-prefill', otherwise: { type: 'echo' } });
    expect((await post(dialect, { prefill: 'word1' })).status).toBe(400);
    expect(await (await post(dialect)).text()).toContain('Hello');
    upstream.setScript({ type: 'continue' });
    const rest = await (await post(dialect, { prefill: SCRIPTED_TEXT.slice(0, 20) })).text();
    expect(rest).toContain(`"${SCRIPTED_TEXT.slice(20)}"`);
    expect(upstream.requests.at(-1)?.turns.at(-1)).toEqual({ role: 'assistant', text: SCRIPTED_TEXT.slice(0, 20) });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the scripted upstream', () => {
  it('does what a list says in order and says so when the list is over', async () => {
    await start([{ type: 'reset' }, { type: 'status', status: 503 }]);
    await expect(post('openai-chat')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect((await post('openai-chat')).status).toBe(503);
    const over = await post('openai-chat');
    expect(over.status).toBe(500);
    expect((await over.json()) as object).toHaveProperty('error.code', 'script_exhausted');
  });

  it('shows models without counting the request', async () => {
    await start({ type: 'silence' });
    const list = (await (await fetch(`${upstream.baseUrl('openai-chat')}/models`)).json()) as {
      data: { id: string }[];
    };
    expect(list.data.map((model) => model.id)).toEqual(['one', 'two']);
    expect(upstream.requests).toHaveLength(0);
  });

  it('waits for requests and says what it saw instead', async () => {
    await start({ type: 'silence' });
    const pending = post('openai-chat', { signal: AbortSignal.timeout(200) });
    await Promise.all([upstream.waitForRequests(1), expect(pending).rejects.toThrow()]);
    await expect(upstream.waitForRequests(2, 20)).rejects.toThrow('the upstream has seen 1 requests, not 2');
  });

  it('keeps the connection open after the finish where the end marker is missing', async () => {
    await start({ type: 'no-end-marker', answer: { text: 'Hi' } });
    const response = await post('openai-chat', { stream: true });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(await readUntil(reader, '"finish_reason":"stop"')).not.toContain('[DONE]');
    await reader.cancel();
    await upstream.waitForClose(0);
  });
});
