import { describe, expect, it } from 'vitest';
import { pad, table, textWidth, truncate, wrap } from '../../../src/cli/render/layout.js';

describe('text in columns', () => {
  it('counts wide characters as two, and a cluster as one character', () => {
    expect(textWidth('abc')).toBe(3);
    expect(textWidth('训练')).toBe(4);
    expect(textWidth('e\u0301')).toBe(1);
    expect(textWidth('👩‍🔬')).toBe(2);
  });

  it('is cut at whole characters, within the columns', () => {
    expect(truncate('training', 20)).toBe('training');
    expect(truncate('training', 5)).toBe('trai…');
    expect(truncate('训练失败', 5)).toBe('训练…');
    expect(truncate('x', 0)).toBe('');
  });

  it('is wrapped between words; a word that is too long stays whole', () => {
    expect(wrap('a bb ccc', 4)).toEqual(['a bb', 'ccc']);
    expect(wrap('sha256:0123456789 x', 8)).toEqual(['sha256:0123456789', 'x']);
  });

  it('stands in aligned columns without spaces at the ends of lines', () => {
    expect(table([['a', '训练', 'x'], ['bbb', 'y', '']])).toEqual(['a    训练  x', 'bbb  y']);
    expect(pad('训', 4)).toBe('训  ');
  });
});
