import type { ExitName } from '../exit-codes.js';

/** Runs something that Ctrl-C ends: its signal fires, and the command ends with 130. */
export async function interruptible(
  run: (interruption: { readonly signal: AbortSignal; readonly interrupt: () => void }) => Promise<ExitName | number>,
): Promise<ExitName | number> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await run({ signal: abort.signal, interrupt });
  } catch (error) {
    if (abort.signal.aborted) return 'interrupted';
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
