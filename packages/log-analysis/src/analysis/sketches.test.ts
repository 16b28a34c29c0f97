import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { QuantileSketch } from './quantile-sketch.js';
import { correlation, findSpikes, median } from './spikes.js';
import { BUCKETS, Timelines } from './timelines.js';
import { TOP_VALUES, TopValues } from './top-values.js';

describe('the quantile sketch', () => {
  it('is within 1 % of the exact quantile', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 300 }),
        (values) => {
          const sketch = new QuantileSketch();
          for (const value of values) sketch.add(value);
          const sorted = values.toSorted((a, b) => a - b);
          for (const q of [0, 0.5, 0.95, 0.99, 1]) {
            const exact = sorted[Math.floor(q * (sorted.length - 1))] as number;
            expect(Math.abs(sketch.quantile(q) - exact)).toBeLessThanOrEqual(exact * 0.0101);
          }
        },
      ),
    );
  });

  it('adds up: two merged are one', () => {
    const [a, b, both] = [new QuantileSketch(), new QuantileSketch(), new QuantileSketch()];
    for (let value = 1; value < 2_000; value += 1) {
      (value % 3 === 0 ? a : b).add(value ** 1.5);
      both.add(value ** 1.5);
    }
    a.merge(b);
    for (const q of [0.01, 0.5, 0.99]) expect(a.quantile(q)).toBe(both.quantile(q));
    expect([a.count, a.min, a.max]).toEqual([both.count, both.min, both.max]);
  });

  it('knows zeros, nothing, and refuses what is no number', () => {
    const sketch = new QuantileSketch();
    expect(sketch.quantile(0.5)).toBeNaN();
    for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY]) sketch.add(value);
    expect(sketch.count).toBe(0);
    for (const value of [0, 0, 0, 5]) sketch.add(value);
    expect(sketch.quantile(0.5)).toBe(0);
    expect(sketch.quantile(1)).toBeCloseTo(5, 1);
  });

  it('stays small over three hundred orders of magnitude, and right at the top', () => {
    const sketch = new QuantileSketch();
    for (let exponent = -3; exponent < 300; exponent += 1) sketch.add(10 ** exponent);
    expect(sketch.quantile(1)).toBeCloseTo(1e299, -298);
    expect(sketch.quantile(0.99)).toBeGreaterThan(1e290);
  });
});

describe('the top values', () => {
  it('are exact for few values and never miss a frequent one', () => {
    const top = new TopValues();
    for (let index = 0; index < 10_000; index += 1) {
      top.addText(index % 3 === 0 ? 'often' : index % 5 === 0 ? 'sometimes' : `once-${index}`);
    }
    const [first, second] = top.list(5);
    expect(first?.value).toBe('often');
    expect((first?.count ?? 0) - (first?.error ?? 0)).toBeLessThanOrEqual(3_334);
    expect(first?.count).toBeGreaterThanOrEqual(3_334);
    expect(second?.value).toBe('sometimes');
    const few = new TopValues();
    for (const value of ['a', 'b', 'a']) few.addText(value);
    expect(few.list(5)).toEqual([
      { value: 'a', count: 2, error: 0 },
      { value: 'b', count: 1, error: 0 },
    ]);
  });

  it('add up when templates merge', () => {
    const [a, b] = [new TopValues(), new TopValues()];
    for (let index = 0; index < TOP_VALUES; index += 1) a.addText(`v${index}`, index + 1);
    b.addText('v15', 5);
    b.addText('new', 100);
    a.merge(b);
    expect(a.list(2).map(({ value }) => value)).toEqual(['new', 'v15']);
  });
});

describe('the timelines', () => {
  it('count by minute, and by longer stretches when the time grows, without losing a line', () => {
    const timelines = new Timelines();
    const series = timelines.newSeries();
    const start = Date.UTC(2026, 0, 1);
    let added = 0;
    for (let minute = 0; minute < 5_000; minute += 7) {
      timelines.add(series, start + minute * 60_000);
      added += 1;
    }
    expect(timelines.width).toBe(16);
    expect(timelines.used).toBeLessThanOrEqual(BUCKETS);
    expect(series.reduce((a, b) => a + b, 0)).toBe(added);
    expect(timelines.startOf(0)).toBeLessThanOrEqual(start);
  });

  it('take times in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 300_000 }), { minLength: 1, maxLength: 60 }), (minutes) => {
        const timelines = new Timelines();
        const series = timelines.newSeries();
        for (const minute of minutes) timelines.add(series, minute * 60_000);
        expect(series.reduce((a, b) => a + b, 0)).toBe(minutes.length);
        const wanted = new Map<number, number>();
        for (const minute of minutes) {
          const bucket = Math.floor((minute - timelines.startOf(0) / 60_000) / timelines.width);
          wanted.set(bucket, (wanted.get(bucket) ?? 0) + 1);
        }
        for (const [bucket, count] of wanted) expect(series[bucket]).toBe(count);
      }),
    );
  });

  it('leave out times that are years away, and count them', () => {
    const timelines = new Timelines();
    const series = timelines.newSeries();
    timelines.add(series, Date.UTC(2026, 0, 1));
    timelines.add(series, Date.UTC(1970, 0, 1));
    expect(timelines.outliers).toBe(1);
    expect(timelines.width).toBe(1);
  });
});

describe('spikes', () => {
  it('stand out from what is usual', () => {
    const series = Uint32Array.from([10, 12, 9, 11, 10, 95, 10, 11, 9, 10]);
    expect(findSpikes(series, 10)).toMatchObject([{ bucket: 5, count: 95, usual: 10 }]);
    expect(findSpikes(Uint32Array.from([10, 12, 9, 11, 10, 14, 10, 11, 9, 10]), 10)).toEqual([]);
    expect(findSpikes(Uint32Array.from([0, 0, 0, 0, 0, 50, 0, 0, 0, 0]), 10)).toHaveLength(1);
    expect(findSpikes(Uint32Array.from([1, 900]), 2)).toEqual([]);
    expect(median([])).toBe(0);
  });

  it('of two series are compared by their course', () => {
    const a = Uint32Array.from([1, 1, 9, 1]);
    expect(correlation(a, Uint32Array.from([2, 2, 18, 2]), 4)).toBeCloseTo(1);
    expect(correlation(a, Uint32Array.from([5, 5, 5, 5]), 4)).toBe(0);
  });
});
