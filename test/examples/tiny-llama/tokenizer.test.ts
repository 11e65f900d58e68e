import { describe, expect, it } from 'vitest';
import { BOS, EOS } from '../../../examples/tiny-llama/src/model/config.js';
import { decode, encode, isByteTokenizer, tokenizerConfigJson, tokenizerJson } from '../../../examples/tiny-llama/src/model/tokenizer.js';

describe('the byte-level tokenizer', () => {
  it.each(['', 'plain', 'Grüße – 你好 🎉\n\t\0', '<s> is three bytes'])('round-trips %j at one id a byte', (text) => {
    expect(encode(text)).toHaveLength(Buffer.byteLength(text));
    expect(decode(encode(text))).toBe(text);
  });

  it('leaves marks out of text', () => {
    expect(decode([BOS, ...encode('a'), EOS])).toBe('a');
  });

  it('gives each byte the character that GPT-2 gives it, as its own id', () => {
    const { model, added_tokens: added } = tokenizerJson() as { model: { vocab: Record<string, number>; merges: unknown[] }; added_tokens: { id: number; content: string }[] };
    expect(Object.values(model.vocab).sort((a, b) => a - b)).toEqual(Array.from({ length: 258 }, (_, id) => id));
    expect(model.merges).toEqual([]);
    // Known from GPT-2's own vocabulary: space, newline, a letter, the first and the last byte.
    expect(['Ġ', 'Ċ', 'A', 'Ā', 'ÿ'].map((character) => model.vocab[character])).toEqual([0x20, 0x0a, 0x41, 0x00, 0xff]);
    expect(added.map(({ id, content }) => [id, content])).toEqual([[BOS, '<s>'], [EOS, '</s>']]);
    expect(tokenizerConfigJson(64)).toMatchObject({ split_special_tokens: true, model_max_length: 64 });
  });

  it('is told from others', () => {
    expect(isByteTokenizer(tokenizerJson())).toBe(true);
    const other = tokenizerJson() as { model: { vocab: Record<string, number>; merges: unknown[] } };
    other.model.merges.push(['a', 'b']);
    expect(isByteTokenizer(other)).toBe(false);
    expect(isByteTokenizer({})).toBe(false);
  });
});
