import { describe, expect, it } from '@jest/globals';
import { modelRules } from './model-rules.js';

describe('modelRules', () => {
  it.each([
    // name, thinking, off, sampling, forced tools, structured, prefill
    ['claude-3-opus-20240229', 'budget', 'omit', 'any', true, false, true],
    ['claude-3-5-sonnet-latest', 'budget', 'omit', 'any', true, false, true],
    ['claude-opus-4-20250514', 'budget', 'omit', 'any', true, false, true],
    ['claude-opus-4@20250514', 'budget', 'omit', 'any', true, false, true],
    ['anthropic.claude-v2:1', 'budget', 'omit', 'any', true, false, true],
    ['claude-instant-1.2', 'budget', 'omit', 'any', true, false, true],
    ['claude-opus-4-5-20251101', 'budget', 'omit', 'one', true, true, true],
    ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 'budget', 'omit', 'one', true, true, true],
    ['anthropic/claude-sonnet-4.6', 'both', 'omit', 'one', true, true, false],
    ['claude-opus-4-8', 'adaptive', 'omit', 'none', true, true, false],
    ['claude-sonnet-5', 'adaptive', 'disabled', 'none', true, true, false],
    ['claude-opus-5', 'adaptive', 'disabled', 'none', true, true, false],
    ['claude-haiku-5-5', 'adaptive', 'disabled', 'none', true, true, false],
    ['claude-sonnet-5-5', 'adaptive', 'between_tools', 'none', false, true, false],
    ['Claude-Opus-5-5', 'adaptive', 'never', 'none', false, true, false],
    ['claude-fable-5', 'adaptive', 'never', 'none', true, true, false],
    ['claude-fable-5-1', 'adaptive', 'never', 'none', false, true, false],
    ['claude-mythos-preview', 'adaptive', 'never', 'none', true, true, false],
    ['claude-opus-6-20270301', 'adaptive', 'never', 'none', false, true, false],
    ['claude-pro', 'adaptive', 'never', 'none', true, true, false],
    ['kimi-k3', 'budget', 'disabled', 'any', true, false, false],
  ])('knows %s', (name, thinking, thinkingOff, sampling, forcedToolChoice, structuredOutput, prefill) => {
    expect(modelRules(name)).toMatchObject({
      thinking,
      thinkingOff,
      sampling,
      forcedToolChoice,
      structuredOutput,
      prefill,
    });
  });
});
