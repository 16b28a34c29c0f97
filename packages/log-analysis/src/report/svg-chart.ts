import { fragment, type Html, html } from './html.js';

const WIDTH = 960;
const HEIGHT = 150;

/** Bars over time; the part of the errors in the colour of errors. */
export function barChart(options: {
  readonly values: readonly number[];
  readonly errors: readonly number[];
  readonly startMs: number;
  readonly stepMs: number;
}): Html {
  const { values, errors, startMs, stepMs } = options;
  const most = values.reduce((a, b) => Math.max(a, b), 1);
  const step = WIDTH / values.length;
  const bar = (value: number, index: number, kind: string): string => {
    const height = (value / most) * HEIGHT;
    return `<rect class="${kind}" x="${fixed(index * step)}" y="${fixed(HEIGHT - height)}" width="${fixed(Math.max(0.5, step * 0.9))}" height="${fixed(height)}"/>`;
  };
  const bars = values.map((value, index) => (value > 0 ? bar(value, index, 'bar') : '')).join('');
  const bad = errors.map((value, index) => (value > 0 ? bar(value, index, 'err') : '')).join('');
  const label = (index: number): string =>
    new Date(startMs + index * stepMs).toISOString().slice(5, 16).replace('T', ' ');
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 18}" role="img" aria-label="lines over time">${fragment(bars + bad)}<text x="0" y="${HEIGHT + 14}">${label(0)}</text><text x="${WIDTH}" y="${HEIGHT + 14}" text-anchor="end">${label(values.length)}</text><text x="0" y="10">${most.toLocaleString('en-US')}</text></svg>`;
}

/** A small chart of one template. */
export function sparkline(values: readonly number[]): Html {
  if (values.length < 2) return fragment('');
  // At most 60 points: the file stays small.
  const size = Math.ceil(values.length / 60);
  const points: number[] = [];
  for (let at = 0; at < values.length; at += size) points.push(values.slice(at, at + size).reduce((a, b) => a + b, 0));
  const most = points.reduce((a, b) => Math.max(a, b), 1);
  const step = 120 / Math.max(1, points.length - 1);
  const path = points.map((value, index) => `${fixed(index * step)},${fixed(20 - (value / most) * 19)}`).join(' ');
  return html`<svg class="spark" viewBox="0 0 120 22"><polyline fill="none" stroke="currentColor" points="${path}"/></svg>`;
}

const fixed = (value: number): string => String(Math.round(value * 10) / 10);
