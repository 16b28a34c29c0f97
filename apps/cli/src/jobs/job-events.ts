import { setTimeout as delay } from 'node:timers/promises';
import { toCommandError } from '../client/server-client.js';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { type JobsClient, jobPath } from './ask-jobs.js';

/** `state`, `progress`, `attempt-failed`, `retried`, `end`, `error`; as docs/jobs.md has them. */
export interface JobEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const COME_BACK_AFTER_MS = 1_000;
const MOST_FAILURES = 30;
const MAX_EVENT = 16 * 1_048_576;

/**
 * A job's events to its end. A connection that breaks, or a server that starts anew, is asked again from where it stopped.
 * @throws CommandError `unreachable` after half a minute without a server, `failed`; the signal's reason
 */
export async function* jobEvents(options: {
  readonly jobs: JobsClient;
  readonly id: string;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}): AsyncGenerator<JobEvent, void, undefined> {
  const { jobs, id, context, signal } = options;
  let last: string | undefined;
  for (let failures = 0; failures < MOST_FAILURES; failures += 1) {
    signal.throwIfAborted();
    try {
      const headers = { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) };
      const answer = await jobs.client.send(jobPath(id, '/events'), { headers, signal });
      if (answer.status === 204) return;
      // What is away for a moment comes back; what was never there does not.
      if (answer.status !== 200 && (answer.status < 500 || last === undefined)) {
        const { code, message } = await toCommandError(answer, context);
        throw new CommandError('failed', message, { code });
      }
      for await (const event of readEvents(answer.body)) {
        last = event.id ?? last;
        failures = 0;
        yield event;
        if (event.event === 'end') return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CommandError && (error.exit !== 'unreachable' || last === undefined)) throw error;
    }
    await delay(COME_BACK_AFTER_MS, undefined, { signal }).catch(() => undefined);
  }
  throw new CommandError('unreachable', context.messages.unreachable(jobs.client.url));
}

/** Our own server's stream: line feeds, one data line an event. */
async function* readEvents(body: AsyncIterable<Buffer>): AsyncGenerator<JobEvent, void, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of body) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MAX_EVENT) throw new Error(`an event has more than ${MAX_EVENT} characters`);
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = toJobEvent(text.slice(0, end));
      text = text.slice(end + 2);
      if (event !== undefined) yield event;
    }
  }
}

/** @returns `undefined` for comments and what is no event of ours */
function toJobEvent(block: string): JobEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([a-z]+): (.*)$/s.exec(line) ?? [];
    fields.set(name, value);
  }
  const event = fields.get('event');
  const data: unknown = event === undefined ? undefined : JSON.parse(fields.get('data') ?? 'null');
  if (event === undefined || typeof data !== 'object' || data === null) return undefined;
  return { id: fields.get('id'), event, data: data as JobEvent['data'] };
}
