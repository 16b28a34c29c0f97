/** A value of an attribute; `undefined` is left out. */
export type AttributeValue = string | number | boolean | readonly string[] | undefined;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A span from its beginning on: where it belongs, and whether it is kept. */
export interface OpenSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** The span that it happened within, where there is one. */
  readonly parentId: string | undefined;
  readonly sampled: boolean;
}

export interface SpanEvent {
  readonly name: string;
  /** Unix time in ms. */
  readonly at: number;
  readonly attributes: Attributes;
}

/** What is known of a span at its end. No text of people or models. */
export interface SpanFacts {
  readonly name: string;
  /** `server`: somebody asked us. `client`: we asked somebody. `consumer`: a job. */
  readonly kind: 'server' | 'client' | 'consumer';
  /** Unix time in ms. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** Why it failed, where it did: an error code or a kind of failure. */
  readonly error?: string | undefined;
  readonly attributes: Attributes;
  readonly events?: readonly SpanEvent[] | undefined;
}
