import { describe, expect, it } from '@jest/globals';
import { ERRORS, type ErrorCode, type MoltbotError } from '@moltbot/contracts';
import OpenAI from 'openai';
import type { AnswerContext, DoorError } from '../../dialect-door.js';
import type { JsonObject } from '../../json-object.js';
import { openAiResponsesDoor } from './door.js';

const CONTEXT: AnswerContext = {
  id: 'req_0123456789abcdefABCDEF01',
  created: 1_762_419_000,
  model: 'anthropic:claude',
  includeUsage: true,
  estimatedInputTokens: 1,
};
const TOOL = { type: 'function', name: 'f', parameters: { type: 'object', properties: {} }, strict: true } as const;

function doorError(code: ErrorCode, more: Partial<DoorError> = {}): DoorError {
  return { code, http: ERRORS[code].http, message: 'What happened.', requestId: 'r-1', attempts: [], ...more };
}

/** OpenAI's own client, fed with this response. */
function clientOf(status: number, body: string): OpenAI {
  return new OpenAI({
    apiKey: 'k',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(body, { status, headers: { 'content-type': 'application/json' } })),
  });
}

describe('a response', () => {
  it('holds all that the API always says, and repeats what was asked', () => {
    const value = {
      input: 'Hi',
      instructions: 'Be brief.',
      temperature: 0.5,
      max_output_tokens: 50,
      metadata: { a: 'b' },
      tools: [TOOL, { type: 'web_search' }, { type: 'function', name: 'g' }],
      tool_choice: 'required',
      parallel_tool_calls: false,
      reasoning: { effort: 'low' },
      text: { format: { type: 'json_object' } },
      user: 'u',
      store: true,
    };
    const answer = openAiResponsesDoor.toAnswer(
      { content: [{ type: 'text', text: '{}' }], finishReason: 'stop' },
      { ...CONTEXT, asked: { value } },
    );
    expect(answer).toEqual({
      id: `resp_${CONTEXT.id}`,
      object: 'response',
      created_at: CONTEXT.created,
      status: 'completed',
      access_programs: null,
      background: false,
      error: null,
      incomplete_details: null,
      instructions: 'Be brief.',
      max_output_tokens: 50,
      metadata: { a: 'b' },
      model: 'anthropic:claude',
      output: [
        {
          id: 'msg_0123456789abcdefABCDEF01_0',
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: '{}', annotations: [], logprobs: [] }],
        },
      ],
      parallel_tool_calls: false,
      previous_response_id: null,
      reasoning: { effort: 'low', summary: null },
      safety_identifier: null,
      service_tier: 'default',
      store: false,
      temperature: 0.5,
      text: { format: { type: 'json_object' } },
      tool_choice: 'required',
      tools: [TOOL, { type: 'function', name: 'g', parameters: null, strict: null }],
      top_logprobs: 0,
      top_p: null,
      truncation: 'disabled',
      usage: null,
      user: 'u',
    });
  });

  it('does not repeat what is too deep to be printed', () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`);
    const asked = { value: { input: 'Hi', tools: [deep], metadata: deep } };
    const text = openAiResponsesDoor.createStreamWriter({ ...CONTEXT, asked }).error(doorError('stream_interrupted'));
    expect(text.length).toBeLessThan(10_000);
  });
});

describe('an error to OpenAI’s own client', () => {
  it.each([
    ['invalid_request', OpenAI.BadRequestError],
    ['invalid_api_key', OpenAI.AuthenticationError],
    ['permission_denied', OpenAI.PermissionDeniedError],
    ['model_not_found', OpenAI.NotFoundError],
    ['rate_limited', OpenAI.RateLimitError],
    ['upstream_error', OpenAI.InternalServerError],
  ] as const)('%s is its own exception', async (code, exception) => {
    const body = openAiResponsesDoor.toError(doorError(code, { param: 'input.0' }));
    const asked = clientOf(ERRORS[code].http, JSON.stringify(body)).responses.create({ model: 'm', input: 'Hi' });
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(exception);
    expect(error).toMatchObject({ code, param: 'input.0' });
  });
});

describe('a caller’s body', () => {
  const refused = (value: JsonObject): MoltbotError => {
    try {
      openAiResponsesDoor.fromRequest({ input: 'Hi', ...value });
    } catch (error) {
      return error as MoltbotError;
    }
    throw new Error(`Taken: ${JSON.stringify(value)}`);
  };
  const items = (...input: unknown[]) => ({ input });
  const user = (content: unknown) => items({ role: 'user', content });

  it.each([
    ['input', { input: 7 }],
    ['input', { input: null }],
    ['input', { input: [] }],
    ['input.0', items(null)],
    ['input.0.role', items({ content: 'Hi' })],
    ['input.0.role', items({ role: 'robot', content: 'Hi' })],
    ['input.0.type', items({ type: 7 })],
    ['input.0.content', user(7)],
    ['input.0.content.0', user([7])],
    ['input.0.content.0.type', user([{}])],
    ['input.0.content.0.text', user([{ type: 'input_text' }])],
    ['input.0.content.0.image_url', user([{ type: 'input_image' }])],
    ['input.0.content.0.image_url', user([{ type: 'input_image', image_url: { url: 'x' } }])],
    ['input.0.content.0.refusal', items({ role: 'assistant', content: [{ type: 'refusal' }] })],
    ['input.0.call_id', items({ type: 'function_call', name: 'f', arguments: '{}' })],
    ['input.0.name', items({ type: 'function_call', call_id: 'a', arguments: '{}' })],
    ['input.0.arguments', items({ type: 'function_call', call_id: 'a', name: 'f', arguments: {} })],
    ['input.0.call_id', items({ type: 'function_call_output', output: 'x' })],
    ['input.0.output', items({ type: 'function_call_output', call_id: 'a', output: 7 })],
    ['input.0.encrypted_content', items({ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 7 })],
    ['instructions', { instructions: ['x'] }],
    ['tools', { tools: {} }],
    ['tools.0.type', { tools: [{}] }],
    ['tools.0.name', { tools: [{ type: 'function' }] }],
    ['tools.0.name', { tools: [{ type: 'function', name: '' }] }],
    ['tools.0.parameters', { tools: [{ type: 'function', name: 'f', parameters: 'x' }] }],
    ['tool_choice', { tool_choice: 'maybe' }],
    ['tool_choice.type', { tool_choice: {} }],
    ['tool_choice.name', { tool_choice: { type: 'function' } }],
    ['tool_choice.mode', { tool_choice: { type: 'allowed_tools', mode: 'none', tools: [] } }],
    ['tool_choice.tools', { tool_choice: { type: 'allowed_tools', mode: 'auto' } }],
    ['text', { text: 'x' }],
    ['text.format.type', { text: { format: {} } }],
    ['text.format.name', { text: { format: { type: 'json_schema' } } }],
    ['text.format.schema', { text: { format: { type: 'json_schema', name: 'n' } } }],
    ['reasoning', { reasoning: 'low' }],
    ['reasoning.effort', { reasoning: { effort: 7 } }],
    ['temperature', { temperature: 3 }],
    ['top_p', { top_p: '1' }],
    ['max_output_tokens', { max_output_tokens: 0 }],
    ['metadata.a', { metadata: { a: 1 } }],
    ['include', { include: 'reasoning.encrypted_content' }],
    ['include.0', { include: [7] }],
    ['user', { user: 7 }],
    ['store', { store: 'yes' }],
    ['stream', { stream: 'yes' }],
    ['parallel_tool_calls', { parallel_tool_calls: 1 }],
  ] as const)('is refused at %s: %j', (param, value) => {
    expect(refused(value as JsonObject)).toMatchObject({ name: 'MoltbotError', code: 'invalid_request', param });
  });

  it('is bounded in items, tools, names and depth', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`) as JsonObject;
    const tool = (name: string, parameters: JsonObject = {}) => ({ type: 'function', name, parameters });
    const hello = { role: 'user', content: 'Hi' };
    expect(refused({ input: Array.from({ length: 10_001 }, () => hello) }).param).toBe('input');
    expect(refused({ tools: Array.from({ length: 1_025 }, () => tool('f')) }).param).toBe('tools');
    expect(refused({ tools: [tool('f'.repeat(257))] }).param).toBe('tools.0.name');
    expect(refused({ tools: [tool('f', deep)] }).param).toBe('tools.0.parameters');
    expect(refused({ text: { format: { type: 'json_schema', name: 'n', schema: deep } } }).param).toBe(
      'text.format.schema',
    );
  });

  it.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: { id: 'conv_1' } }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['input.1', items({ role: 'user', content: 'Hi' }, { type: 'item_reference', id: 'msg_1' })],
    ['input.0', items({ id: 'msg_1' })],
  ])('that names at %s what only OpenAI keeps is refused with the reason', (param, value) => {
    expect(openAiResponsesDoor.nativeOnly?.({ input: 'Hi', ...value })?.param).toBe(param);
    expect(refused(value)).toMatchObject({
      code: 'invalid_request',
      param,
      message: expect.stringContaining('MoltBot keeps no responses'),
    });
  });

  it('puts what the assistant thought, said and called in a row into one message', () => {
    const { messages } = openAiResponsesDoor.fromRequest({
      instructions: 'Be brief.',
      input: [
        { role: 'developer', content: 'And kind.' },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Weather?' }] },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm' }], encrypted_content: 'x' },
        { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'Let me see.' }] },
        { type: 'function_call', id: 'fc_1', call_id: 'a', name: 'f', arguments: '{}' },
        { type: 'function_call', call_id: 'b', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'a', output: 'Wet' },
        {
          type: 'function_call_output',
          call_id: 'b',
          output: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'low' }],
        },
      ],
    });
    expect(messages).toEqual([
      { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
      { role: 'system', content: [{ type: 'text', text: 'And kind.' }] },
      { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Hm', redacted: 'openai:rs_1:x' },
          { type: 'text', text: 'Let me see.' },
          { type: 'tool-call', id: 'a', name: 'f', arguments: '{}' },
          { type: 'tool-call', id: 'b', name: 'f', arguments: '{}' },
        ],
      },
      { role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: 'Wet' }] },
      {
        role: 'tool',
        toolCallId: 'b',
        content: [{ type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AAAA' }, detail: 'low' }],
      },
    ]);
  });

  it('tells other models of the tools that are allowed only', () => {
    const { tools, toolChoice } = openAiResponsesDoor.fromRequest({
      input: 'Hi',
      tools: [TOOL, { type: 'function', name: 'g' }],
      tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'g' }] },
    });
    expect([tools?.map(({ name }) => name), toolChoice]).toEqual([['g'], 'required']);
  });

  it('names what has no word in ours, and takes null, false and defaults for nothing', () => {
    const { messages, unknownFields } = openAiResponsesDoor.fromRequest({
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_file', file_id: 'file-1' },
            { type: 'input_image', file_id: 'f' },
          ],
        },
        { type: 'web_search_call', id: 'ws_1', status: 'completed' },
        { type: 'reasoning', id: 'rs_kept', summary: [] },
      ],
      tools: [{ type: 'web_search' }, { type: 'custom', name: 'sql' }],
      tool_choice: { type: 'web_search' },
      text: { verbosity: 'low' },
      reasoning: { effort: 'brand-new', context: 'all_turns' },
      include: ['reasoning.encrypted_content', 'file_search_call.results'],
      store: true,
      max_tool_calls: 3,
      service_tier: 'flex',
      truncation: 'disabled',
      top_logprobs: 0,
      background: false,
      previous_response_id: null,
      stream_options: { include_obfuscation: false },
      brand_new: { a: 1 },
    });
    expect(messages).toEqual([{ role: 'user', content: [] }]);
    expect(new Set(unknownFields)).toEqual(
      new Set([
        'input.0.content.0 (input_file)',
        'input.0.content.1 (input_image by file_id)',
        'input.1 (web_search_call)',
        'input.2 (reasoning)',
        'tools.0 (web_search)',
        'tools.1 (custom)',
        'tool_choice',
        'text.verbosity',
        'reasoning.effort',
        'reasoning.context',
        'include.1 (file_search_call.results)',
        'store',
        'max_tool_calls',
        'service_tier',
        'brand_new',
      ]),
    );
  });
});
