import { type JobView, jobViewSchema } from '@moltbot/contracts';
import { interruptible } from '../auth/interruptible.js';
import type { CommandContext } from '../context.js';
import type { ExitName } from '../exit-codes.js';
import type { JobsClient } from './ask-jobs.js';
import { type JobEvent, jobEvents } from './job-events.js';
import { progressText } from './progress-text.js';
import { errorText, outcomeOf, stateText } from './show-job.js';

/**
 * Follows a job to its end: a bar on a terminal, a line an event elsewhere, JSON lines with `--json`. Ctrl-C leaves the job alone.
 * @returns `failed` also where the job was done and tells of a failure (`outcomeOf`)
 */
export async function watchJob(options: {
  readonly jobs: JobsClient;
  readonly id: string;
  readonly context: CommandContext;
}): Promise<ExitName | number> {
  const { id, context } = options;
  const { output, messages } = context;
  const screen = createScreen(context);
  const exit = await interruptible(async ({ signal }) => {
    let ended: JobView | undefined;
    let result: unknown;
    for await (const event of jobEvents({ ...options, signal })) {
      output.result({ ...event });
      ended = show(event, screen, context) ?? ended;
      if (event.event === 'end') result = event.data['result'];
    }
    screen.clear();
    if (ended === undefined) return 'failed';
    const outcome = outcomeOf(ended, result);
    output.line(`${ended.id}  ${stateText(ended.state, context)}${outcome.text}${errorText(ended)}`);
    return ended.state === 'completed' && outcome.ok ? 'ok' : 'failed';
  });
  if (exit === 'interrupted') {
    screen.clear();
    output.note(messages.jobGoesOn(id));
  }
  return exit;
}

interface Screen {
  readonly bar: boolean;
  /** Stands at the bottom of a terminal until the next. */
  progress(text: string): void;
  line(text: string): void;
  clear(): void;
}

/** @returns the job, where this was its end */
function show(event: JobEvent, screen: Screen, context: CommandContext): JobView | undefined {
  const { messages } = context;
  const { data } = event;
  switch (event.event) {
    case 'progress': {
      const text = progressText(data['progress'], { bar: screen.bar });
      if (text !== undefined) screen.progress(text);
      return undefined;
    }
    case 'state': {
      const job = jobViewSchema.safeParse(data).data;
      if (job !== undefined) screen.line(stateText(job.state, context));
      return undefined;
    }
    case 'attempt-failed': {
      const { code, message } = (data['error'] ?? {}) as { readonly code?: string; readonly message?: string };
      screen.line(messages.jobAttemptFailed(Number(data['attempt']), `${code}: ${message}`));
      return undefined;
    }
    case 'error': {
      const { code, message } = (data['error'] ?? {}) as { readonly code?: string; readonly message?: string };
      screen.line(`${code}: ${message}`);
      return undefined;
    }
    case 'end':
      return jobViewSchema.safeParse(data).data;
    default:
      return undefined;
  }
}

function createScreen({ output, stdout }: CommandContext): Screen {
  const bar = output.interactive && !output.json;
  const clear = (): void => {
    if (bar) stdout.write('\r\u001b[K');
  };
  return {
    bar,
    clear,
    progress(text) {
      clear();
      // What a job says of itself is given to a terminal without its control characters.
      if (bar) output.text(text);
      else output.line(text);
    },
    line(text) {
      clear();
      output.line(text);
    },
  };
}
