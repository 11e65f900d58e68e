import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heldOutPrompts, PromptsError } from '../../../src/engines/parity/prompts.js';
import type { PromptOptions } from '../../../src/engines/parity/prompts.js';
import { writeDataset } from './dataset.js';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-prompts-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const bytes = async (text: string): Promise<number[]> => [...Buffer.from(text)];
const prompts = async (texts: string[], options: Partial<PromptOptions> = {}): Promise<string[]> => {
  writeDataset(place, texts);
  return (await heldOutPrompts({ dataset: place, count: 2, promptTokens: 4, chars: 4, seed: 1, tokenize: bytes, ...options })).map(({ tokens }) => Buffer.from(tokens).toString());
};

describe('prompts', () => {
  it('are the beginnings of held-out documents, chosen and ordered by the seed', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(2, '0')}: a text`);
    const one = await prompts(texts, { count: 5 });
    expect(new Set(one).size).toBe(5);
    expect(one.every((prompt) => /^\d\d: $/.test(prompt))).toBe(true);
    expect(await prompts(texts.toReversed(), { count: 5 })).toEqual(one);
    expect(await prompts(texts, { count: 5, seed: 2 })).not.toEqual(one);
    expect(await prompts(texts, { count: 3 })).toEqual(one.slice(0, 3));
  });

  it('are later parts of the same documents only where there are too few, and never short ones', async () => {
    expect((await prompts(['aaaabbbbcc', 'dddd'], { count: 3 })).toSorted()).toEqual(['aaaa', 'bbbb', 'dddd']);
    await expect(prompts(['aaaabbbbcc', 'dddd'], { count: 4 })).rejects.toThrow('makes 3 prompts of 4 tokens, and 4 are asked for');
  });

  it('say which document they are from, and two are of one only where there are too few', async () => {
    writeDataset(place, ['aaaabbbbcc', 'dddd']);
    const few = await heldOutPrompts({ dataset: place, count: 3, promptTokens: 4, chars: 4, seed: 1, tokenize: bytes });
    const of = Object.fromEntries(few.map(({ tokens, document }) => [Buffer.from(tokens).toString(), document]));
    expect([of['aaaa'], new Set(Object.values(of))]).toEqual([of['bbbb'], new Set([0, 1])]);
    // The short ones come before some of the long ones in the seed's order, and take nobody's place.
    const texts = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? `${index}` : `${index}`.repeat(20)));
    writeDataset(place, texts);
    const enough = await heldOutPrompts({ dataset: place, count: 10, promptTokens: 4, chars: 4, seed: 1, tokenize: bytes });
    expect(enough.map(({ document }) => document)).toEqual([...enough.keys()]);
  });

  it('hold no half of a character that the text does not have', async () => {
    const [tokens] = await prompts(['a\u{1f6a2}\u{1f6a2}\u{1f6a2}\u{1f6a2}'], { count: 1, chars: 4, promptTokens: 5 });
    expect(tokens).toBe('a\u{1f6a2}');
  });
});

describe('a dataset is refused', () => {
  it.each<[string, (place: string) => void, string]>([
    ['without a manifest', () => {}, 'no manifest.json'],
    ['with one of another form', (dir) => writeFileSync(join(dir, 'manifest.json'), '{"schema":"x"}'), 'no manifest.json that names'],
    ['that names a file elsewhere', (dir) => writeDataset(dir, ['aaaa'], { file: '../secret' }), 'there is no such file'],
    ['that names a file that is not there', (dir) => writeDataset(dir, ['aaaa'], { file: 'none.jsonl' }), 'there is no such file'],
    ['with a line that is no document', (dir) => (writeDataset(dir, ['aaaa']), writeFileSync(join(dir, 'heldout.jsonl'), '{"id":"a","text":"aaaa"}\n{"text":')), 'line 2 of heldout.jsonl'],
  ])('%s', async (_, make, why) => {
    mkdirSync(place, { recursive: true });
    make(place);
    const refused = heldOutPrompts({ dataset: place, count: 1, promptTokens: 4, chars: 4, seed: 1, tokenize: bytes });
    await expect(refused).rejects.toThrow(PromptsError);
    await expect(refused).rejects.toThrow(why);
  });
});
