import type { JobState, JobView } from '@moltbot/contracts';
import type { CommandContext } from '../context.js';
import type { Style } from '../output.js';

const STYLES: Readonly<Record<JobState, Style>> = {
  waiting: 'dim',
  delayed: 'dim',
  active: 'cyan',
  failed: 'yellow',
  completed: 'green',
  dead: 'red',
  cancelled: 'yellow',
};

export function stateText(state: JobState, { output, messages }: CommandContext): string {
  return output.style(STYLES[state], messages.jobStates[state]);
}

/** With a space ahead, or nothing. */
export function errorText({ error }: JobView): string {
  return error === null ? '' : `  ${error.code}: ${error.message}`;
}
