// The byte-level tokenizer: a token id below 256 is that byte, and two more mark a document's ends. There is nothing to
// learn, any text round-trips, and every Hugging Face tool can load it: byte-level BPE without a merge.
import { BOS, EOS } from './config.js';

export const encode = (text: string): number[] => [...Buffer.from(text, 'utf8')];

/** Bytes that are no whole character become U+FFFD; the marks are left out. */
export const decode = (ids: readonly number[]): string => Buffer.from(ids.filter((id) => id < 256)).toString('utf8');

/** GPT-2's picture of bytes as printable characters: what is printable stands for itself, the rest follows from U+0100 on. */
function byteCharacters(): string[] {
  const printable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

const special = (id: number, content: string) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
const MARKS = [special(BOS, '<s>'), special(EOS, '</s>')];

/** `tokenizer.json` as the `tokenizers` library reads it. */
export const tokenizerJson = (): Record<string, unknown> => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: MARKS,
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries([...byteCharacters().map((character, byte) => [character, byte] as const), ...MARKS.map(({ content, id }) => [content, id] as const)]),
    merges: [],
  },
});

export const tokenizerConfigJson = (maxPositions: number): Record<string, unknown> => ({
  tokenizer_class: 'PreTrainedTokenizerFast',
  bos_token: '<s>',
  eos_token: '</s>',
  model_max_length: maxPositions,
  clean_up_tokenization_spaces: false,
  // A "<s>" that a text contains is three bytes like any other: only a program puts marks.
  split_special_tokens: true,
  added_tokens_decoder: Object.fromEntries(MARKS.map(({ id, ...mark }) => [String(id), mark])),
});

/** Whether a `tokenizer.json` is this one: then ids are bytes, and text needs no tokenizer. */
export function isByteTokenizer(json: unknown): boolean {
  const { model } = json as { model?: { vocab?: Record<string, number>; merges?: unknown[] } };
  return model?.merges?.length === 0 && byteCharacters().every((character, byte) => model.vocab?.[character] === byte);
}
