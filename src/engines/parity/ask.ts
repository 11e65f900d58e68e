import { eachLimited } from '../artifacts/tree.js';
import type { Answer, OpenAiClient } from '../serving/openai-client.js';
import { ServingError } from '../serving/serving-error.js';

/** Enough to keep a server busy, few enough that a small one answers each within its deadline. */
const CONCURRENCY = 4;

/** What became of a prompt: its answer, or why there is none. */
export type Asked = Answer | { unanswered: string };

export interface AskOptions {
  client: OpenAiClient;
  model: string;
  prompts: readonly (readonly number[])[];
  /** Last prompt first: each is then batched with others than before, which is a server's main source of noise. */
  backwards: boolean;
  maxTokens: number;
  topK: number;
  onAnswer(): void;
}

/**
 * Asks a server every prompt, and answers in their order. A prompt that the server refuses or takes too long over is
 * unanswered; a server that is gone, answers in another form, or leaves more than a tenth unanswered (and more than two)
 * is no measurement at all. Throws ServingError.
 */
export async function askAll({ client, model, prompts, backwards, maxTokens, topK, onAnswer }: AskOptions): Promise<Asked[]> {
  const asked: Asked[] = [];
  const tolerated = Math.max(2, Math.floor(prompts.length / 10));
  let unanswered = 0;
  const order = prompts.map((_, index) => (backwards ? prompts.length - 1 - index : index));
  await eachLimited(order, CONCURRENCY, async (index) => {
    try {
      asked[index] = await client.complete({ model, prompt: prompts[index] as readonly number[], maxTokens, topK });
    } catch (error) {
      if (!(error instanceof ServingError) || (error.failure !== 'timeout' && error.failure !== 'status')) throw error;
      unanswered += 1;
      if (unanswered > tolerated) throw new ServingError(error.failure, `${unanswered} of ${prompts.length} prompts are unanswered, which is too many to compare; the last one: ${error.message}`, { cause: error });
      asked[index] = { unanswered: error.failure === 'timeout' ? 'timeout' : `status ${error.status ?? 0}` };
    }
    onAnswer();
  });
  return asked;
}
