import fc from 'fast-check';

const jsonLike = fc.jsonValue({ maxDepth: 4 });
/** Anything, and what is nearly a request. */
export const arbitraryBodies: fc.Arbitrary<unknown> = fc.oneof(
  jsonLike,
  fc.record(
    {
      model: fc.oneof(fc.constantFrom('default', 'translated', 'nobody:x', 'quick:y'), jsonLike),
      messages: fc.oneof(
        fc.array(
          fc.record(
            {
              role: fc.oneof(fc.constantFrom('user', 'assistant', 'system', 'tool', 'developer'), jsonLike),
              content: fc.oneof(
                fc.string(),
                jsonLike,
                fc.array(
                  fc.record(
                    {
                      type: fc.constantFrom('text', 'image_url', 'image', 'tool_result'),
                      text: jsonLike,
                      source: jsonLike,
                      image_url: jsonLike,
                    },
                    { requiredKeys: ['type'] },
                  ),
                ),
              ),
              tool_calls: jsonLike,
            },
            { requiredKeys: ['role'] },
          ),
          { maxLength: 3 },
        ),
        jsonLike,
      ),
      stream: fc.oneof(fc.boolean(), jsonLike),
      max_tokens: fc.oneof(fc.nat(), jsonLike),
      tools: jsonLike,
      tool_choice: jsonLike,
      stream_options: jsonLike,
      response_format: jsonLike,
      system: jsonLike,
      thinking: jsonLike,
      stop: jsonLike,
    },
    { requiredKeys: ['messages'] },
  ),
);
