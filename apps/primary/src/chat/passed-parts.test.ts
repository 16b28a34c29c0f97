import { describe, expect, it } from '@jest/globals';
import type { StreamPart } from '@moltbot/contracts';
import { anthropicMessagesDoor, openAiChatDoor } from '@moltbot/providers';
import fc from 'fast-check';
import { PassedParts } from './passed-parts.js';

const text = fc.constantFrom('', 'a', 'some text');
const choice = fc.constantFrom(0, 0, 0, 1);
const part: fc.Arbitrary<StreamPart> = fc.oneof(
  fc.record({ type: fc.constant('text-delta' as const), choice, text }),
  fc.record({ type: fc.constant('reasoning-delta' as const), choice, text }),
  fc.record({ type: fc.constant('refusal-delta' as const), choice, text }),
  fc.record({ type: fc.constant('reasoning-seal' as const), choice: fc.constant(0), signature: fc.constant('sig') }),
  fc.record({
    type: fc.constant('tool-call-start' as const),
    choice: fc.constant(0),
    index: fc.nat(2),
    id: fc.constant('call'),
    name: fc.constant('tool'),
  }),
  fc.record({
    type: fc.constant('tool-call-delta' as const),
    choice: fc.constant(0),
    index: fc.nat(2),
    arguments: fc.constantFrom('', '{"a":', '1}'),
  }),
);

describe('what is kept of a stream that was passed on', () => {
  it('is little of a long text', () => {
    const passed = new PassedParts();
    passed.add([{ type: 'start' }]);
    for (let index = 0; index < 10_000; index += 1)
      passed.add([{ type: 'text-delta', choice: 0, text: `word${index}` }]);
    passed.add([{ type: 'finish', choice: 0, reason: 'stop' }, { type: 'end' }]);
    expect(passed.parts).toHaveLength(4);
  });

  it.each([openAiChatDoor, anthropicMessagesDoor])('makes a writer go on as all of it would ($dialect)', (door) => {
    const context = { id: 'id', created: 1, model: 'a:b', includeUsage: true, estimatedInputTokens: 1 };
    fc.assert(
      fc.property(fc.array(part), fc.array(part, { maxLength: 4 }), (before, after) => {
        const passed = new PassedParts();
        for (const item of before) passed.add([item]);
        const [full, short] = [door.createStreamWriter(context), door.createStreamWriter(context)];
        full.resume(before, { id: 'u', model: 'm' });
        short.resume(passed.parts, { id: 'u', model: 'm' });
        expect(short.write(after)).toBe(full.write(after));
        expect(short.end()).toBe(full.end());
      }),
      { numRuns: 500 },
    );
  });
});
