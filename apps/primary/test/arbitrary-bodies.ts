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
                      type: fc.constantFrom(
                        'text',
                        'image_url',
                        'image',
                        'tool_result',
                        'input_text',
                        'input_image',
                        'output_text',
                        'refusal',
                      ),
                      text: jsonLike,
                      source: jsonLike,
                      image_url: jsonLike,
                    },
                    { requiredKeys: ['type'] },
                  ),
                ),
              ),
              tool_calls: jsonLike,
              // Items of responses.
              type: fc.constantFrom('message', 'function_call', 'function_call_output', 'reasoning', 'item_reference'),
              call_id: fc.oneof(fc.string(), jsonLike),
              name: fc.oneof(fc.string(), jsonLike),
              arguments: fc.oneof(fc.string(), jsonLike),
              output: fc.oneof(fc.string(), jsonLike),
              summary: jsonLike,
              encrypted_content: fc.oneof(fc.string(), jsonLike),
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
      text: jsonLike,
      reasoning: jsonLike,
      include: jsonLike,
      instructions: jsonLike,
      stop: jsonLike,
    },
    { requiredKeys: ['messages'] },
  ),
);
