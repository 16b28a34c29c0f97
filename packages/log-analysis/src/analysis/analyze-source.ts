import { LineSplitter } from '../lines/line-splitter.js';
import { type InputFacts, type InputLimits, newInputFacts, openInput } from '../lines/open-input.js';
import { LogInputError, type LogInputErrorCode } from '../log-input-error.js';
import type { LogAnalyzer, SourceRole } from './log-analyzer.js';

export const MAX_LINE_BYTES = 1_048_576;

/** What was read of one source, and how it ended. */
export interface SourceReport extends Readonly<InputFacts> {
  readonly name: string;
  readonly role: SourceRole;
  readonly lines: number;
  readonly truncatedLines: number;
  readonly invalidUtf8Lines: number;
  readonly binaryLines: number;
  /** Read to its end; else why not: damaged, stopped. What came before is in the report. */
  readonly ended: 'complete' | 'stopped' | LogInputErrorCode;
}

/** How often `onProgress` is called, in bytes read. */
const PROGRESS_BYTES = 4 * 1024 ** 2;

/**
 * Feeds one source to the analyzer. Binary data, bombs and inputs that are too large throw LogInputError; a source that is damaged
 * or breaks off in the middle is reported with what came before. `signal` ends it early, without an error.
 */
export async function analyzeSource(options: {
  readonly analyzer: LogAnalyzer;
  readonly source: AsyncIterable<Uint8Array>;
  readonly name: string;
  readonly role?: SourceRole;
  readonly limits?: InputLimits;
  readonly maxLineBytes?: number;
  readonly signal?: AbortSignal;
  /** Enough lines were read; asked now and then. */
  readonly enough?: () => boolean;
  readonly onProgress?: (progress: { readonly bytesIn: number; readonly lines: number }) => void;
}): Promise<SourceReport> {
  const { analyzer, name, role = 'current', signal } = options;
  const facts = newInputFacts();
  const splitter = new LineSplitter({
    maxLineBytes: options.maxLineBytes ?? MAX_LINE_BYTES,
    onLine: (bytes, start, end) => analyzer.line(bytes, start, end),
  });
  analyzer.startSource({ role });
  let ended: SourceReport['ended'] = 'complete';
  let told = 0;
  try {
    const input = openInput({
      source: options.source,
      facts,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    for await (const chunk of input) {
      splitter.push(chunk);
      if (facts.bytesIn - told >= PROGRESS_BYTES) {
        told = facts.bytesIn;
        options.onProgress?.({ bytesIn: facts.bytesIn, lines: splitter.counts.lines });
      }
      if (signal?.aborted === true || options.enough?.() === true) {
        ended = 'stopped';
        break;
      }
    }
  } catch (error) {
    if (signal?.aborted === true) ended = 'stopped';
    else if (error instanceof LogInputError) {
      if (error.code !== 'damaged' || splitter.counts.lines === 0) throw error;
      ended = error.code;
    } else if (splitter.counts.lines > 0) ended = 'unreadable';
    else throw new LogInputError('unreadable', messageOf(error), { cause: error });
  }
  splitter.end();
  analyzer.endSource();
  const { lines, truncated, invalidUtf8, binary } = splitter.counts;
  return {
    ...facts,
    name,
    role,
    lines,
    truncatedLines: truncated,
    invalidUtf8Lines: invalidUtf8,
    binaryLines: binary,
    ended,
  };
}

function messageOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code === undefined ? '' : `(${code})`;
}
