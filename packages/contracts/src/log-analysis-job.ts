import { z } from 'zod';

/** As `@moltbot/log-analysis` names them; a test of the worker compares the two. */
export const LOG_FORMATS = ['json', 'logfmt', 'access', 'syslog5424', 'syslog3164', 'text', 'plain'] as const;

const SOURCES = ['file_id', 'object_key', 'path', 'own_logs'] as const;

/** One log: where it is. */
const logSource = z
  .strictObject({
    /** An uploaded file (`POST /v1/files` with the purpose `logs`). */
    file_id: z
      .string()
      .regex(/^file-[0-9a-f]{24}$/, 'expected the id of a file')
      .optional(),
    /** In the object store; for administrators. */
    object_key: z.string().min(1).max(512).optional(),
    /** The absolute path of a file in one of `log_analysis.folders`, where the worker runs; for administrators. */
    path: z
      .string()
      .min(1)
      .max(4_096)
      .regex(/^[^\0]*$/, 'expected a path')
      .optional(),
    /** What MoltBot itself wrote to `logs.file`, rotated files included, within `since` and `until`; for administrators. */
    own_logs: z.literal(true).optional(),
  })
  .refine(
    (source) => SOURCES.filter((name) => source[name] !== undefined).length === 1,
    `expected one of ${SOURCES.join(', ')}`,
  );

export type LogSource = z.output<typeof logSource>;

const time = z.iso.datetime({ offset: true, error: 'expected a time like 2026-01-31T08:00:00Z' });

/** From then until then, or so long from the first line on. */
const baselineWindow = z
  .strictObject({
    from: time.optional(),
    to: time.optional(),
    first: z
      .string()
      .regex(/^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/, 'expected a length of time like 24h')
      .optional(),
  })
  .refine(
    ({ from, to, first }) => (first === undefined ? from !== undefined && to !== undefined : !from && !to),
    'expected `from` and `to`, or `first`',
  )
  .refine(
    ({ from, to }) => from === undefined || to === undefined || Date.parse(from) < Date.parse(to),
    'expected `from` before `to`',
  );

export const logAnalysisPayload = z
  .strictObject({
    inputs: z.array(logSource).min(1).max(32),
    /** Logs to compare with: what is new, what has vanished. */
    baseline: z.array(logSource).max(32).default([]),
    /** A part of the inputs to compare with. */
    baseline_window: baselineWindow.optional(),
    since: time.optional(),
    until: time.optional(),
    format: z.enum(['auto', ...LOG_FORMATS]).default('auto'),
    /** Each line is the message itself. */
    message_only: z.boolean().default(false),
    max_lines: z.int().min(1).max(1e12).optional(),
    /** Templates and routes that the report shows. */
    top: z.int().min(1).max(1_000).default(50),
    /** Also keep the template of each line (`templates.jsonl`). */
    templates_jsonl: z.boolean().default(false),
    /** Let a model (of the default chain, where none is named) write a summary over the top templates, charged to whoever asked for the job. */
    summary: z.strictObject({ model: z.string().min(1).max(321).optional() }).optional(),
  })
  .refine(
    ({ since, until }) => since === undefined || until === undefined || Date.parse(since) < Date.parse(until),
    'expected `since` before `until`',
  );

const templateLine = z.object({
  id: z.string(),
  template: z.string(),
  count: z.number(),
  share: z.number(),
  errorRate: z.number(),
});

/** The report in short; the whole is in the job's files. */
export const logAnalysisResult = z.object({
  lines: z.number(),
  records: z.number(),
  templates: z.number(),
  errorRate: z.number(),
  first: z.string().nullable(),
  last: z.string().nullable(),
  sources: z.array(
    z.object({ name: z.string(), role: z.string(), bytes: z.number(), lines: z.number(), ended: z.string() }),
  ),
  top: z.array(templateLine),
  /** Null without a baseline. */
  changes: z.object({ new: z.number(), vanished: z.number() }).nullable(),
  spikes: z.number(),
  summary: z
    .object({
      model: z.string().nullable(),
      claims: z.array(z.object({ text: z.string(), templateIds: z.array(z.string()) })),
      removed: z.object({ uncited: z.number(), unknown: z.number() }),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    })
    .nullable(),
  files: z.array(z.string()),
});
