import type { Json, ReasoningOptions, ResponseFormat, ToolDefinition } from '@moltbot/contracts';
import type { JsonObject } from '../json-object.js';
import { nestsWithin } from '../read-json.js';
import {
  expectList,
  expectObject,
  expectText,
  optionalBoolean,
  optionalObject,
  optionalText,
  refuse,
} from '../request-fields.js';

/** What both of OpenAI's APIs say in the same words, as callers write it. All throw `invalid_request` with the path. */

export const MOST_TOOLS = 1_024;
const MOST_PARTS = 10_000;
const LONGEST_NAME = 256;
/** Deeper schemas would overflow a recursive walk. */
const DEEPEST_JSON = 256;

/** A function that a model may call. */
export function fromFunction(definition: JsonObject, path: string): ToolDefinition {
  const name = expectText(definition['name'], `${path}.name`);
  if (name === '' || name.length > LONGEST_NAME) throw refuse(`${path}.name`, `1 to ${LONGEST_NAME} characters`);
  const description = optionalText(definition['description'], `${path}.description`);
  const parameters = optionalObject(definition['parameters'], `${path}.parameters`);
  const strict = optionalBoolean(definition['strict'], `${path}.strict`);
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters: expectShallow(parameters, `${path}.parameters`) }),
    ...(strict === undefined ? {} : { strict }),
  };
}

/** A format by JSON Schema; `readSchema` says whether the schema itself may be left out. */
export function fromSchema(
  given: JsonObject,
  path: string,
  readSchema: (value: unknown, path: string) => JsonObject,
): ResponseFormat {
  const description = optionalText(given['description'], `${path}.description`);
  const strict = optionalBoolean(given['strict'], `${path}.strict`);
  return {
    type: 'json-schema',
    name: expectText(given['name'], `${path}.name`),
    schema: expectShallow(readSchema(given['schema'], `${path}.schema`), `${path}.schema`),
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
  };
}

export function fromMetadata(value: unknown): { readonly [key: string]: string } | undefined {
  const metadata = optionalObject(value, 'metadata');
  if (metadata === undefined) return undefined;
  return Object.fromEntries(Object.entries(metadata).map(([key, text]) => [key, expectText(text, `metadata.${key}`)]));
}

type Effort = NonNullable<ReasoningOptions['effort']>;
const EFFORTS: ReadonlySet<string> = new Set<Effort>(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']);

/** Others are new words of the provider's: they pass where bytes pass, and are reported where they can't. */
export function isEffort(text: string): text is Effort {
  return EFFORTS.has(text);
}

type ContentPart = readonly [part: JsonObject, path: string];

/** A message's parts with their paths; a string is one part of `textType`. */
export function readParts(content: unknown, path: string, textType: string): readonly ContentPart[] {
  if (typeof content === 'string') return [[{ type: textType, text: content }, path]];
  if (!Array.isArray(content)) throw refuse(path, 'a string or a list of content parts');
  return expectList(content, path, MOST_PARTS).map((item, index): ContentPart => {
    const at = `${path}.${index}`;
    const part = expectObject(item, at);
    expectText(part['type'], `${at}.type`);
    return [part, at];
  });
}

function expectShallow(value: JsonObject, path: string): Json {
  if (!nestsWithin(value, DEEPEST_JSON)) throw refuse(path, `at most ${DEEPEST_JSON} levels`);
  return value as Json;
}
