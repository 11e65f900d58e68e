import { describe, expect, it } from 'vitest';
import { unfitness } from '../../../src/engines/text/judge-text.js';
import { decodeText, normaliseText } from '../../../src/engines/text/normalise.js';

describe('the normal form', () => {
  it.each([
    ['line ends of every kind', 'a\r\nb\rc\u2028d\u0085e\ff', 'a\nb\nc\nd\ne\nf\n'],
    ['a byte-order mark', '\ufeffa', 'a\n'],
    ['control characters but tab', 'a\u0007\tb\u009b31mc\u007f', 'a\tb31mc\n'],
    ['spaces at the ends of lines', 'a  \t\n  b \n', 'a\n  b\n'],
    ['more than two empty lines', 'a\n\n\n\n\n\nb\n\n\nc', 'a\n\n\nb\n\n\nc\n'],
    ['empty lines at both ends', '\n \n\na\n\n\n', 'a\n'],
    ['characters in pieces', 'e\u0301', '\u00e9\n'],
    ['a piece hidden by a control character', 'e\u0000\u0301', '\u00e9\n'],
    ['nothing', ' \n\ufeff\n', ''],
  ])('has %s put right', (_, text, normal) => {
    expect(normaliseText(text)).toBe(normal);
    expect(normaliseText(normal)).toBe(normal);
  });

  it('refuses bytes that are no UTF-8 instead of inventing characters, and files that are no text', () => {
    expect(decodeText(Buffer.from([0x61, 0xff, 0x62]))).toEqual({ reason: 'not UTF-8' });
    // A surrogate half, which UTF-8 can't hold.
    expect(decodeText(Buffer.from([0xed, 0xa0, 0x80]))).toEqual({ reason: 'not UTF-8' });
    expect(decodeText(Buffer.from('a\0b'))).toEqual({ reason: 'binary' });
    expect(decodeText(Buffer.from('\ufeffhé\r\n'))).toEqual({ text: 'hé\n' });
  });
});

describe('a document', () => {
  const prose = 'Each job has a claim, and one process takes it.\n'.repeat(20);
  it.each([
    [undefined, prose],
    [undefined, '每个作业都有一个声明，只有一个进程可以取得它。\n'.repeat(20)],
    [undefined, `| name | meaning |\n| --- | --- |\n${'| key | names the job of an attempt |\n'.repeat(20)}`],
    ['too short', 'See the other README.\n'],
    ['long lines', `${prose}${'var a=1;'.repeat(400)}\n`],
    // One embedded picture in a long text is not what the text is.
    [undefined, `${prose.repeat(20)}![](data:${'A'.repeat(3000)})\n`],
    ['few words', '1 2 3 4 5 6 7 8 9 + - = 0x12 word\n'.repeat(20)],
  ])('is %s', (reason, text) => {
    expect(unfitness(text)).toBe(reason);
  });
});
