// One thread of the hashing pool: it hashes the files that it is sent.
import { parentPort } from 'node:worker_threads';
import { hashFile } from './hash-file.js';
import type { HashedFile } from './hash-file.js';
import { StoreError, systemCode } from './store-error.js';
import type { StoreErrorCode } from './store-error.js';

export interface HashTask {
  id: number;
  path: string;
  sync: boolean;
}

export type HashAnswer = { id: number; file: HashedFile } | { id: number; message: string; storeCode?: StoreErrorCode; problems?: string[]; systemCode?: string };

async function answer({ id, path, sync }: HashTask): Promise<HashAnswer> {
  try {
    return { id, file: await hashFile(path, { sync }) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof StoreError) return { id, message, storeCode: error.code, problems: error.problems };
    return { id, message, systemCode: systemCode(error) };
  }
}

parentPort?.on('message', (task: HashTask) => void answer(task).then((told) => parentPort?.postMessage(told)));
