const WIDTH = 24;

/** `[######------] 50 %  3/6` where a job counts; else what it reports, as JSON. `undefined` where it reports nothing. */
export function progressText(progress: unknown, { bar }: { readonly bar: boolean }): string | undefined {
  if (typeof progress !== 'object' || progress === null) return undefined;
  const { done, of, unit, lines } = progress as Readonly<Record<string, unknown>>;
  if (typeof done !== 'number' || typeof of !== 'number' || !(of > 0) || !(done >= 0)) {
    const text = JSON.stringify(progress);
    return text === '{}' ? undefined : text.slice(0, 200);
  }
  const share = Math.min(1, done / of);
  const size = unit === 'bytes' ? `${megabytes(done)}/${megabytes(of)} MB` : `${done}/${of}`;
  const more = typeof lines === 'number' ? `, ${lines.toLocaleString('en-US')} lines` : '';
  const counted = `${Math.floor(share * 100)} %  ${size}${more}`;
  if (!bar) return counted;
  const full = Math.floor(share * WIDTH);
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${counted}`;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
