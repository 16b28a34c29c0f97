import { describe, expect, it } from '@jest/globals';
import type { Json } from '@moltbot/contracts';
import fc from 'fast-check';
import { toGeminiSchema } from './to-schema.js';

describe('toGeminiSchema', () => {
  it.each<[string, Json, Json]>([
    ['a const as an enum', { const: 'a' }, { enum: ['a'] }],
    ['numbers and texts of an enum', { enum: ['a', 1, null] }, { enum: ['a', 1] }],
    [
      'oneOf as anyOf',
      { oneOf: [{ type: 'string' }, { type: 'null' }] },
      { anyOf: [{ type: 'string' }, { type: 'null' }] },
    ],
    [
      'definitions as $defs, with the references to them',
      { definitions: { A: { type: 'string' } }, properties: { a: { $ref: '#/definitions/A', description: 'gone' } } },
      { $defs: { A: { type: 'string' } }, properties: { a: { $ref: '#/$defs/A' } } },
    ],
    [
      'a reference at the root beside its definitions',
      { $schema: 's', $ref: '#/$defs/A', $defs: { A: { type: 'object' } } },
      { $ref: '#/$defs/A', $defs: { A: { type: 'object' } } },
    ],
    [
      'exclusive bounds of integers exactly, of numbers loosely',
      {
        properties: { a: { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 9 }, b: { exclusiveMinimum: 0.5 } },
      },
      { properties: { a: { type: 'integer', minimum: 1, maximum: 8 }, b: { minimum: 0.5 } } },
    ],
    ['an old tuple as prefixItems', { items: [{ type: 'string' }, true] }, { prefixItems: [{ type: 'string' }, {}] }],
    [
      'a base and its extension as one object',
      {
        allOf: [
          { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
          { properties: { b: { const: 1 } }, required: ['b', 'a'] },
        ],
        description: 'both',
      },
      {
        type: 'object',
        properties: { a: { type: 'string' }, b: { enum: [1] } },
        required: ['a', 'b'],
        description: 'both',
      },
    ],
    ['an allOf of nothing but a reference', { allOf: [{ $ref: '#/$defs/A' }] }, { $ref: '#/$defs/A' }],
    ['what it does not know of no weight', { $schema: 's', $comment: 'c', examples: [1], readOnly: true }, {}],
    ['additionalProperties as they are', { additionalProperties: false }, { additionalProperties: false }],
    [
      'additionalProperties of a schema',
      { additionalProperties: { const: 'a' } },
      { additionalProperties: { enum: ['a'] } },
    ],
  ])('says %s', (_, schema, expected) => {
    expect(toGeminiSchema(schema)).toEqual({ schema: expected, lossy: false });
  });

  it.each<[string, Json, Json]>([
    ['true and false in an enum', { enum: [true] }, {}],
    ['a schema that takes nothing', { properties: { a: false } }, { properties: { a: {} } }],
    ['not', { type: 'string', not: { const: 'a' } }, { type: 'string' }],
    ['patternProperties', { patternProperties: { a: {} } }, {}],
    ['an allOf with references', { allOf: [{ $ref: '#/a' }, { type: 'object' }] }, {}],
    ['a value of unknown meaning', { multipleOf: 5 }, {}],
  ])('reports %s as lost', (_, schema, expected) => {
    expect(toGeminiSchema(schema)).toEqual({ schema: expected, lossy: true });
  });

  it('keeps properties of any name', () => {
    const schema = JSON.parse('{"properties":{"__proto__":{"const":"a"},"constructor":{"type":"string"}}}') as Json;
    expect(JSON.stringify(toGeminiSchema(schema)?.schema)).toBe(
      '{"properties":{"__proto__":{"enum":["a"]},"constructor":{"type":"string"}}}',
    );
  });

  it('knows no schema that is no object', () => {
    expect(toGeminiSchema(undefined)).toBeUndefined();
    expect(toGeminiSchema(null)).toBeUndefined();
    expect(toGeminiSchema([])).toBeUndefined();
    expect(toGeminiSchema(true)).toBeUndefined();
  });

  it('cuts what is nested too deeply, in schemas and in values', () => {
    const levels = 50_000;
    const nested = JSON.parse(`${'{"items":'.repeat(levels)}{}${'}'.repeat(levels)}`) as Json;
    const value = JSON.parse(`{"default":${'['.repeat(levels)}${']'.repeat(levels)}}`) as Json;
    for (const schema of [nested, value]) {
      const result = toGeminiSchema(schema);
      expect(result?.lossy).toBe(true);
      expect(JSON.stringify(result?.schema).length).toBeLessThan(1_000);
    }
  });

  it('is total, and the same when applied again', () => {
    const keywords = [
      'type allOf anyOf oneOf const enum items prefixItems properties additionalProperties $ref $defs definitions',
      'minimum exclusiveMinimum required not default',
    ].flatMap((line) => line.split(' '));
    const { schema } = fc.letrec<{ readonly schema: Json }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue({ maxDepth: 1 }).map((value) => value as Json),
        fc.array(tie('schema'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...keywords), tie('schema'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(schema, (value) => {
        const once = toGeminiSchema(value);
        if (once === undefined) return;
        const twice = toGeminiSchema(JSON.parse(JSON.stringify(once.schema)) as Json);
        expect(JSON.stringify(twice?.schema)).toBe(JSON.stringify(once.schema));
      }),
      { numRuns: 500 },
    );
  });
});
