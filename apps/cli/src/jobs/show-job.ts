import { JOBS, type JobState, type JobView } from '@moltbot/contracts';
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

/** A job can have done all it had to do, and still tell of a failure: that of a training, that of a drilled chain. */
export function outcomeOf({ type }: JobView, result: unknown): { readonly ok: boolean; readonly text: string } {
  const training = type === 'training' ? JOBS.training.result.safeParse(result).data : undefined;
  if (training !== undefined) {
    const { status, model, error } = training;
    const what = error === null ? model : `${error.code}: ${error.message}`;
    return { ok: status === 'succeeded', text: `  training ${status}${what === null ? '' : `: ${what}`}` };
  }
  const drill = type === 'drill' ? JOBS.drill.result.safeParse(result).data : undefined;
  if (drill === undefined) return { ok: true, text: '' };
  return { ok: drill.verdict === 'passed', text: `  drill ${drill.verdict}` };
}

/** With a space ahead, or nothing. */
export function errorText({ error }: JobView): string {
  return error === null ? '' : `  ${error.code}: ${error.message}`;
}
