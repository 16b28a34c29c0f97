import { describe, expect, it } from '@jest/globals';
import type { ChatRequest } from '@moltbot/contracts';
import { modelRules } from './model-rules.js';
import { toThinking } from './to-thinking.js';

function think(
  model: string,
  reasoning: ChatRequest['reasoning'],
  options: { readonly maxTokens?: number; readonly forced?: boolean; readonly prefill?: boolean } = {},
): unknown {
  const dropped: string[] = [];
  const { thinking, effort } = toThinking({
    request: { messages: [], unknownFields: [], reasoning, ...(options.forced === true && { toolChoice: 'required' }) },
    rules: modelRules(model),
    maxTokens: options.maxTokens ?? 32_000,
    prefill: options.prefill ?? false,
    dropped,
  });
  return [thinking, effort, dropped];
}

const adaptive = { type: 'adaptive', display: 'summarized' };

describe('reasoning at Anthropic', () => {
  it('says nothing where nothing is asked', () => {
    expect(think('claude-opus-5', undefined)).toEqual([undefined, undefined, []]);
  });

  it('is a budget below max_tokens where the model takes budgets', () => {
    expect(think('claude-opus-4-5', { effort: 'high' })).toEqual([
      { type: 'enabled', budget_tokens: 16_384 },
      undefined,
      [],
    ]);
    expect(think('claude-opus-4-5', { effort: 'max' }, { maxTokens: 8_000 })).toEqual([
      { type: 'enabled', budget_tokens: 6_000 },
      undefined,
      [],
    ]);
    expect(think('claude-opus-4-5', { budgetTokens: 99_999 }, { maxTokens: 8_000 })).toEqual([
      { type: 'enabled', budget_tokens: 7_999 },
      undefined,
      [],
    ]);
    expect(think('claude-opus-4-5', { budgetTokens: 10 }, { maxTokens: 1_025 })).toEqual([
      { type: 'enabled', budget_tokens: 1_024 },
      undefined,
      [],
    ]);
    expect(think('claude-opus-4-5', { effort: 'low' }, { maxTokens: 1_024 })).toEqual([
      undefined,
      undefined,
      ['reasoning'],
    ]);
    expect(think('claude-opus-4-5', {})).toEqual([{ type: 'enabled', budget_tokens: 8_192 }, undefined, []]);
  });

  it('is adaptive with the nearest effort where the model takes that', () => {
    expect(think('claude-opus-5', { effort: 'minimal' })).toEqual([adaptive, 'low', []]);
    expect(think('claude-opus-5', { effort: 'xhigh' })).toEqual([adaptive, 'xhigh', []]);
    expect(think('claude-opus-4-6', { effort: 'xhigh' })).toEqual([{ type: 'adaptive' }, 'high', []]);
    expect(think('claude-opus-4-6', { effort: 'max' })).toEqual([{ type: 'adaptive' }, 'max', []]);
    expect(think('claude-opus-5', {})).toEqual([adaptive, undefined, []]);
  });

  it('becomes an effort where a budget is not taken, and says so', () => {
    expect(think('claude-opus-5', { budgetTokens: 10_000 })).toEqual([adaptive, 'medium', ['reasoning.budget_tokens']]);
    expect(think('claude-opus-5', { budgetTokens: 10_000, effort: 'low' })).toEqual([
      adaptive,
      'low',
      ['reasoning.budget_tokens'],
    ]);
    expect(think('claude-opus-4-6', { budgetTokens: 10_000, effort: 'low' })).toEqual([
      { type: 'enabled', budget_tokens: 10_000 },
      'low',
      [],
    ]);
  });

  it.each([
    ['claude-opus-4-8', undefined, undefined, []],
    ['claude-opus-5', { type: 'disabled' }, undefined, []],
    ['claude-sonnet-5-5', { type: 'between_tools' }, undefined, []],
    ['claude-opus-5-5', undefined, 'low', ['reasoning.effort']],
    ['glm-5', { type: 'disabled' }, undefined, []],
  ])('is turned off at %s in its own way', (model, thinking, effort, dropped) => {
    expect(think(model, { effort: 'none' })).toEqual([thinking, effort, dropped]);
    expect(think(model, { budgetTokens: 0 })).toEqual([thinking, effort, dropped]);
  });

  it('gives way to a forced tool and to a prefill where the API takes them only without it', () => {
    expect(think('claude-opus-4-5', { effort: 'high' }, { forced: true })).toEqual([
      undefined,
      undefined,
      ['reasoning'],
    ]);
    expect(think('claude-opus-4-8', { effort: 'high' }, { forced: true })).toEqual([undefined, 'high', ['reasoning']]);
    expect(think('claude-opus-5', { effort: 'high' }, { forced: true })).toEqual([adaptive, 'high', []]);
    expect(think('claude-opus-5-5', { effort: 'high' }, { forced: true })).toEqual([adaptive, 'high', []]);
    expect(think('claude-opus-4-5', { budgetTokens: 2_000 }, { prefill: true })).toEqual([
      undefined,
      undefined,
      ['reasoning'],
    ]);
  });
});
