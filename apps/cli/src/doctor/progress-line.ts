import type { Progress } from './run-checks.js';
import type { DoctorTexts } from './texts/texts.js';

/** One line that is written over; only on a terminal. */
export function createProgressLine(options: {
  readonly stream: NodeJS.WriteStream;
  readonly silent: boolean;
  readonly texts: Pick<DoctorTexts, 'progress'>;
}): { readonly show: (progress: Progress) => void; readonly clear: () => void } {
  const { stream, silent, texts } = options;
  const speaks = stream.isTTY && !silent;
  return {
    show({ done, all, running }) {
      if (!speaks) return;
      const text = texts.progress({ done, all, running: running.join(' ') });
      stream.write(`\r\u001b[2K${text.slice(0, Math.max(20, (stream.columns || 80) - 1))}`);
    },
    clear() {
      if (speaks) stream.write('\r\u001b[2K');
    },
  };
}
