import { constants } from 'node:fs';
import { copyFile, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { oneLine } from '../../domain/text.js';
import { INDEX_FILE } from '../safetensors/index-file.js';
import { CheckpointError } from './checkpoint-error.js';

export const CONFIG_FILE = 'config.json';

/**
 * What a loader or a licence needs beside the weights. It is a list of what travels, and not of what stays: a training
 * folder holds optimizer states larger than the model, and an unknown file in a release is one that nobody looked at.
 */
const TRAVELS: readonly RegExp[] = [
  /^generation_config\.json$/,
  /^(?:tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|encoder|tekken)\.json$/,
  /^(?:vocab|merges)\.txt$/,
  /^(?:vocab\.bpe|bpe\.codes|(?:source|target)\.spm)$/,
  /^(?:tokenizer|spiece|sentencepiece(?:\.bpe)?|spm)\.model(?:\.v\d+)?$/,
  /\.(?:tiktoken|jinja)$/,
  /^chat_template\.json$/,
  /^(?:[a-z]+_)?(?:preprocessor|processor)_config\.json$/,
  // Code of the model's own, which `trust_remote_code` loads.
  /\.py$/,
  /^(?:LICENSE|LICENCE|NOTICE)(?:[._-].*)?$/i,
];

export interface FolderFiles {
  /** Names of files that go along unchanged, sorted; config.json is not among them. */
  carried: string[];
  /** Names of what stays, sorted; a folder's ends with a slash. */
  left: string[];
}

/**
 * Sorts what lies beside the weights; folders stay. Throws CheckpointError `file_refused` where what has to go along is
 * a link or a device: left behind it would be missed only by the model's loader, and followed it could lead anywhere.
 */
export async function sortFiles(folder: string): Promise<FolderFiles> {
  const files: FolderFiles = { carried: [], left: [] };
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const { name } = entry;
    if (entry.isFile() && (name === CONFIG_FILE || name === INDEX_FILE || name.endsWith('.safetensors'))) continue;
    const travels = !entry.isDirectory() && TRAVELS.some((pattern) => pattern.test(name));
    if (travels && !entry.isFile()) throw new CheckpointError('file_refused', `${oneLine(name, 200)} is needed beside the weights and is no regular file: put the file itself in its place`);
    if (travels) files.carried.push(name);
    else files.left.push(entry.isDirectory() ? `${name}/` : name);
  }
  files.carried.sort();
  files.left.sort();
  return files;
}

/** Copies a file and flushes it to the disk. */
export async function carry(name: string, from: string, to: string): Promise<void> {
  await copyFile(join(from, name), join(to, name), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const handle = await open(join(to, name), 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
