import type { LocalModelEvent } from './model-state.js';

/** Values of the metric `moltbot_model_load_state`. */
export const LOAD_STATE_LEVELS: Readonly<Record<LocalModelEvent['type'], number>> = {
  failed: 0,
  crashed: 0,
  loading: 1,
  warm: 2,
  unloaded: 3,
};

/** An event as a line of the log. */
export function localModelEventLine(event: LocalModelEvent): {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
} {
  const { model } = event;
  switch (event.type) {
    case 'loading':
      return { level: 'info', message: 'local model loading', fields: { model } };
    case 'warm': {
      const fields = { model, loadMs: Math.round(event.loadMs), rss: event.rss };
      return { level: 'info', message: 'local model warm', fields };
    }
    case 'failed': {
      const { code, message, action } = event.error;
      const fields = { model, code, reason: message, action, retryInMs: Math.round(event.retryInMs) };
      return { level: 'error', message: 'local model not loaded', fields };
    }
    case 'unloaded':
      return { level: 'info', message: 'local model unloaded', fields: { model, reason: event.reason } };
    case 'crashed': {
      const fields = { model, exit: event.exit, stderr: event.stderr };
      return { level: 'error', message: 'engine of a local model broke down', fields };
    }
  }
}
