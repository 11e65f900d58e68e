import { describe, expect, it } from 'vitest';
import { Duration, formatDuration, parseDuration } from '../../src/domain/duration.js';

describe('a duration', () => {
  it.each([
    ['500 ms', 500],
    ['15 seconds', 15_000],
    ['1s', 1000],
    ['2 min', 120_000],
    ['2 mins', 120_000],
    ['3m', 180_000],
    ['1.5h', 5_400_000],
    ['1 hour', 3_600_000],
    ['7 days', 604_800_000],
    [' 7  Days ', 604_800_000],
    ['0 s', 0],
    ['3650 days', 315_360_000_000],
    ['3651 days', undefined],
    ['9'.repeat(400) + ' s', undefined],
    ['15', undefined],
    ['-1 s', undefined],
    ['1e3 s', undefined],
    ['1 fortnight', undefined],
    ['1 constructor', undefined],
    ['', undefined],
  ])('written as %j has %s milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it('is refused with examples of how to write it', () => {
    expect(Duration.safeParse('soon').error?.issues[0]?.message).toBe('a duration such as 500 ms, 15 seconds, 2 hours or 7 days');
    expect(Duration.safeParse(15).success).toBe(false);
    expect(Duration.parse('15 seconds')).toBe(15_000);
  });

  it.each([
    [-5, '0ms'],
    [450, '450ms'],
    [12_340, '12.3s'],
    [185_000, '3m 05s'],
    [3_720_000, '1h 02m'],
    [90_000_000, '1d 01h'],
  ])('of %i ms is shown as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('never shows sixty seconds, wherever it is rounded', () => {
    for (const ms of [59_949, 59_950, 59_999, 60_000, 999.7, 3_599_999]) expect(formatDuration(ms)).not.toMatch(/^60|1000ms/);
  });
});
