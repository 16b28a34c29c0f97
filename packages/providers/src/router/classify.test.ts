import { describe, expect, it } from '@jest/globals';
import { ERRORS } from '@moltbot/contracts';
import { FAILURE_KINDS } from '../failure.js';
import { FAILURE_TABLE, failureTableMarkdown } from './classify.js';

describe('FAILURE_TABLE', () => {
  it('has a row for each kind and no other', () => {
    expect(Object.keys(FAILURE_TABLE).sort()).toEqual([...FAILURE_KINDS].sort());
  });

  it('tells a code that is in the table of errors', () => {
    for (const kind of FAILURE_KINDS) expect(ERRORS).toHaveProperty(FAILURE_TABLE[kind].code);
  });

  it('passes the provider’s words on for the caller’s own faults only', () => {
    const passed = FAILURE_KINDS.filter((kind) => FAILURE_TABLE[kind].passedOn);
    expect(passed).toEqual(['invalid-request', 'context-too-long', 'content-filtered']);
    for (const kind of passed) expect(ERRORS[FAILURE_TABLE[kind].code].http).toBe(400);
  });

  it('never repeats the caller’s fault, a silent route or a late one on the same target', () => {
    for (const kind of [
      'invalid-request',
      'context-too-long',
      'content-filtered',
      'model-not-found',
      'quota-exhausted',
      'connect-timeout',
      'response-timeout',
      'first-content-late',
    ] as const) {
      expect(FAILURE_TABLE[kind].sameTarget).toBe('no');
    }
  });

  it('holds nothing but credential faults against a credential, and never both against breaker and credential but a 429', () => {
    const both = FAILURE_KINDS.filter(
      (kind) => FAILURE_TABLE[kind].breaker !== 'none' && FAILURE_TABLE[kind].credential !== 'none',
    );
    expect(both).toEqual(['rate-limited']);
  });

  it('prints one line for each kind, with the same number of cells', () => {
    const lines = failureTableMarkdown().split('\n');
    expect(lines).toHaveLength(FAILURE_KINDS.length + 2);
    expect(new Set(lines.map((line) => line.split(' | ').length))).toEqual(new Set([9]));
    for (const kind of FAILURE_KINDS) expect(failureTableMarkdown()).toContain(`| \`${kind}\` |`);
  });
});
