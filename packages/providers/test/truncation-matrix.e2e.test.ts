import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Dialect } from '@moltbot/contracts';
import OpenAI from 'openai';
import { type Behaviour, SCRIPTED_TEXT, type ScriptedUpstream, startScriptedUpstream } from '../src/testing.js';
import { type ServedTarget, startTruncationServer, type TruncationServer } from './truncation-rig.js';

/**
 * Every caller's dialect over every upstream's, broken in every way at every place: what a caller's own SDK makes of it is
 * never a complete answer, unless it is one.
 */

let broken: ScriptedUpstream;
let healthy: ScriptedUpstream;
let server: TruncationServer;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  [broken, healthy, server] = await Promise.all([
    startScriptedUpstream({ script: { type: 'answer' } }),
    startScriptedUpstream({ script: { type: 'continue' } }),
    startTruncationServer(),
  ]);
  openai = new OpenAI({ apiKey: 'test', baseURL: `${server.origin}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: 'test', baseURL: server.origin, maxRetries: 0 });
});
afterAll(async () => {
  await Promise.all([broken.close(), healthy.close(), server.close()]);
});

const KINDS = ['openai', 'responses', 'anthropic', 'gemini'] as const;
const DIALECTS: Readonly<Record<(typeof KINDS)[number], Dialect>> = {
  openai: 'openai-chat',
  responses: 'openai-responses',
  anthropic: 'anthropic-messages',
  gemini: 'gemini',
};
const target = (kind: ServedTarget['kind'], upstream: ScriptedUpstream, prefill = false): ServedTarget => ({
  kind,
  baseUrl: upstream.baseUrl(DIALECTS[kind]),
  prefill,
});

const QUESTION = [{ role: 'user' as const, content: 'What is this?' }];

/** What each SDK takes for the complete answer. @throws as the SDK does */
const READERS = {
  openai: {
    stream: async (): Promise<string> => {
      const stream = openai.chat.completions.stream({ model: 'default', messages: QUESTION });
      return (await stream.finalChatCompletion()).choices[0]?.message.content ?? '';
    },
    /** For those who read the events themselves: good only with a finish reason that says so. */
    events: async (): Promise<string> => {
      let text = '';
      let reason: string | null = null;
      for await (const chunk of await openai.chat.completions.create({
        model: 'default',
        messages: QUESTION,
        stream: true,
      })) {
        text += chunk.choices[0]?.delta.content ?? '';
        reason = chunk.choices[0]?.finish_reason ?? reason;
      }
      if (reason !== 'stop' && reason !== 'tool_calls') throw new Error(`ended with ${reason}`);
      return text;
    },
    whole: async (): Promise<string> => {
      const answer = await openai.chat.completions.create({ model: 'default', messages: QUESTION });
      return answer.choices[0]?.message.content ?? '';
    },
  },
  responses: {
    stream: async (): Promise<string> =>
      completed(await openai.responses.stream({ model: 'default', input: 'What is this?' }).finalResponse()),
    events: async (): Promise<string> => {
      let text = '';
      let last: string | undefined;
      for await (const event of await openai.responses.create({
        model: 'default',
        input: 'What is this?',
        stream: true,
      })) {
        if (event.type === 'response.output_text.delta') text += event.delta;
        last = event.type;
      }
      if (last !== 'response.completed') throw new Error(`ended with ${last}`);
      return text;
    },
    whole: async (): Promise<string> =>
      completed(await openai.responses.create({ model: 'default', input: 'What is this?' })),
  },
  anthropic: {
    stream: async (): Promise<string> =>
      textOf(await anthropic.messages.stream({ model: 'default', max_tokens: 999, messages: QUESTION }).finalMessage()),
    events: async (): Promise<string> => {
      let text = '';
      let stopped = false;
      const body = { model: 'default', max_tokens: 999, messages: QUESTION, stream: true } as const;
      for await (const event of await anthropic.messages.create(body)) {
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
        stopped ||= event.type === 'message_delta' && event.delta.stop_reason !== null;
      }
      if (!stopped) throw new Error('ended without a stop reason');
      return text;
    },
    whole: async (): Promise<string> =>
      textOf(await anthropic.messages.create({ model: 'default', max_tokens: 999, messages: QUESTION })),
  },
} as const;

function completed(response: OpenAI.Responses.Response): string {
  if (response.status !== 'completed') throw new Error(`ended as ${response.status}`);
  return response.output_text;
}

function textOf(message: Anthropic.Message): string {
  return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

const CALLS = [{ name: 'lookup', arguments: ['{"city":', '"Ber', 'lin"}'] }];
const BREAKS: readonly (readonly [name: string, of: (after: number) => Behaviour])[] = [
  ['cut', (after) => ({ type: 'cut', after })],
  ['stalled', (after) => ({ type: 'stall', after })],
  ['malformed', (after) => ({ type: 'malformed', after })],
  ['ended by an error event', (after) => ({ type: 'error-event', after })],
  ['ended without a finish', (after) => ({ type: 'no-finish', answer: { text: firstWords(after) } })],
];
/** Everything said, and only the end missing, is the hardest case. */
const PLACES = [1, 7, 40, 60];
/** A stall takes its time. */
const placesOf = (name: string): readonly number[] => (name === 'stalled' ? [40] : PLACES);

/** Long enough for a healthy stream on a busy machine. */
const PATIENT = { timeouts: { gap: '150ms' } };
const NEXT = [
  ['openai', true],
  ['anthropic', false],
  ['gemini', true],
  ['responses', false],
] as const;

function firstWords(count: number): string {
  return SCRIPTED_TEXT.split(' ').slice(0, count).join(' ');
}

async function outcome(read: () => Promise<string>): Promise<string | undefined> {
  try {
    return await read();
  } catch {
    return undefined;
  }
}

describe.each(['openai', 'responses', 'anthropic'] as const)('a caller with the SDK of %s', (door) => {
  describe.each(KINDS)('over an upstream of %s', (kind) => {
    it.each(BREAKS)('never takes a stream that is %s for complete', async (name, behaviour) => {
      server.setTargets([target(kind, broken)]);
      for (const after of placesOf(name)) {
        broken.setScript(behaviour(after));
        for (const reader of ['stream', 'events'] as const) {
          expect([after, reader, await outcome(READERS[door][reader])]).toEqual([after, reader, undefined]);
          expect(server.lastBody()).not.toMatch(
            /\[DONE\]|message_stop|"finish_reason":"(?!error)|"stop_reason":"|response\.(completed|incomplete)/,
          );
          expect(server.lastBody()).toContain('"error"');
        }
      }
    });

    it.each(BREAKS)('never gets half a tool call as a whole one of a stream that is %s', async (_name, behaviour) => {
      server.setTargets([target(kind, broken), target('openai', healthy)]);
      for (const after of [2, 4]) {
        broken.setScript({ ...behaviour(after), answer: { text: ['Wait. '], toolCalls: CALLS } } as Behaviour);
        // Google sends a call in one event: broken before it, nothing of the call is known, and the next model goes on.
        const rescued = kind === 'gemini' ? `Wait. ${SCRIPTED_TEXT}` : undefined;
        expect([after, await outcome(READERS[door].stream)]).toEqual([after, rescued]);
        expect(server.lastBody()).not.toMatch(
          /"finish_reason":"tool_calls"|"stop_reason":"tool_use"|function_call_arguments\.done/,
        );
      }
    });

    it.each(BREAKS)(
      'gets the whole answer where the next model rescues a stream that is %s',
      async (name, behaviour) => {
        for (const [next, prefill] of name === 'stalled' ? NEXT.slice(0, 1) : NEXT) {
          server.setTargets([target(kind, broken), target(next, healthy, prefill)], PATIENT);
          for (const [after, reader] of [
            [1, 'events'],
            [40, 'stream'],
          ] as const) {
            broken.setScript(behaviour(after));
            expect([next, after, await outcome(READERS[door][reader])]).toEqual([next, after, SCRIPTED_TEXT]);
          }
        }
      },
    );

    it('never takes a whole answer that broke off for complete, and gets that of the next model', async () => {
      const behaviours: readonly Behaviour[] = [
        ...PLACES.map((after): Behaviour => ({ type: 'cut', after })),
        { type: 'stall', after: 40 },
        { type: 'malformed', after: 1 },
        { type: 'error-event', after: 1 },
        { type: 'half-json' },
        { type: 'error-200' },
        { type: 'html' },
        { type: 'empty' },
      ];
      for (const behaviour of behaviours) {
        broken.setScript(behaviour);
        server.setTargets([target(kind, broken)]);
        expect([behaviour, await outcome(READERS[door].whole)]).toEqual([behaviour, undefined]);
      }
      broken.setScript({ type: 'cut', after: 40 });
      server.setTargets([target(kind, broken), target('gemini', healthy)]);
      expect(await outcome(READERS[door].whole)).toBe(SCRIPTED_TEXT);
    });
  });
});
