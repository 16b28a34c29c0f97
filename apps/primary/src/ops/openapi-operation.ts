import type { SchemaName } from './openapi-schemas.js';

/** One route of the API's own description. */
export interface Operation {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly body?: SchemaName;
  readonly bodyOptional?: boolean;
  /** The body is a form with a file. */
  readonly form?: boolean;
  /** What it answers with is bytes. */
  readonly bytes?: boolean;
  readonly answer: SchemaName;
  /** Of a good answer; 200 where not set. */
  readonly status?: number;
  readonly streams?: boolean;
  readonly error: SchemaName;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'header' | 'query';
    readonly required: boolean;
    readonly description: string;
  }[];
}
