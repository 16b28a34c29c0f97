import { describe, expect, it } from '@jest/globals';
import type { Served } from '@moltbot/providers';
import { formatCost, servedHeaders } from './reply-headers.js';

const served = (changes: Partial<Served>): Served =>
  ({
    model: { ref: 'openai:gpt' },
    credential: 'openai',
    attempts: [],
    fallback: undefined,
    dropped: [],
    ...changes,
  }) as Served;

const asMap = (flat: string[]) =>
  Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]]] : [])));

describe('the headers of an answer', () => {
  it('name the model, the attempts and the way the request took', () => {
    const headers = asMap(
      servedHeaders({
        exchange: { requestId: 'req_1', limitHeaders: ['x-ratelimit-limit-requests', '5'] },
        contentType: 'application/json',
        served: served({
          fallback: { from: 'openai:gpt', to: 'anthropic:claude', reason: 'overloaded' },
          attempts: [
            { target: 'openai:gpt', outcome: 'overloaded', durationMs: 3 },
            { target: 'anthropic:claude', outcome: 'ok', durationMs: 5 },
          ],
          dropped: ['seed', 'logit_bias'],
        }),
        costMicros: 1_234,
      }),
    );
    expect(headers).toMatchObject({
      'x-request-id': 'req_1',
      'x-moltbot-model': 'openai:gpt',
      'x-moltbot-attempts': '2',
      'x-moltbot-fallback': 'openai:gpt -> anthropic:claude; reason=overloaded',
      'x-moltbot-cost': '0.001234',
      'x-moltbot-dropped-params': 'seed, logit_bias',
      'x-ratelimit-limit-requests': '5',
    });
  });

  it('stay valid and short whatever a model or a field is called', () => {
    const headers = asMap(
      servedHeaders({
        exchange: { requestId: 'r', limitHeaders: [] },
        contentType: 'a/b',
        served: served({
          model: { ref: 'x:模型\r\nset-cookie: a' } as Served['model'],
          dropped: Array.from({ length: 1_000 }, (_, index) => `messages.${index}.content`),
        }),
      }),
    );
    expect(headers['x-moltbot-model']).toBe('x:????set-cookie: a');
    expect(headers['x-moltbot-dropped-params']?.length).toBeLessThanOrEqual(1_024);
    expect(headers['x-moltbot-dropped-params']).toMatch(/, \+\d+$/);
  });

  it('write a cost as a plain decimal number', () => {
    expect(formatCost(0)).toBe('0.000000');
    expect(formatCost(12_345_678)).toBe('12.345678');
  });
});
