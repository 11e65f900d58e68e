import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { askAll } from '../../../src/engines/parity/ask.js';
import type { Asked } from '../../../src/engines/parity/ask.js';
import type { Answer, OpenAiClient } from '../../../src/engines/serving/openai-client.js';
import { ServingError } from '../../../src/engines/serving/serving-error.js';

const answerTo = (prompt: number): Answer => ({ tokens: [prompt], logprobs: [-1], top: [[{ token: prompt, logprob: -1 }]] });

/** Asks prompts of one token, their number; `fail` says what becomes of one. */
async function ask(count: number, { backwards = false, fail = (): Error | undefined => undefined }: { backwards?: boolean; fail?: (prompt: number) => Error | undefined } = {}): Promise<{ asked: Asked[]; order: number[]; most: number; told: number }> {
  const order: number[] = [];
  let open = 0;
  let most = 0;
  let told = 0;
  const client: Pick<OpenAiClient, 'complete'> = {
    async complete({ prompt: [prompt = -1] }) {
      order.push(prompt);
      open += 1;
      most = Math.max(most, open);
      await sleep(prompt % 3);
      open -= 1;
      const error = fail(prompt);
      if (error !== undefined) throw error;
      return answerTo(prompt);
    },
  };
  const prompts = Array.from({ length: count }, (_, prompt) => [prompt]);
  const asked = await askAll({ client: client as OpenAiClient, model: 'm', prompts, backwards, maxTokens: 1, topK: 1, onAnswer: () => (told += 1) });
  return { asked, order, most, told };
}

it('asks four at once, and has the answers in the order of the prompts, also when it asks backwards', async () => {
  for (const backwards of [false, true]) {
    const { asked, order, most, told } = await ask(20, { backwards });
    expect(asked).toEqual(Array.from({ length: 20 }, (_, prompt) => answerTo(prompt)));
    expect([most, told]).toEqual([4, 20]);
    expect(order.slice(0, 4)).toEqual(backwards ? [19, 18, 17, 16] : [0, 1, 2, 3]);
  }
});

it('leaves a few prompts unanswered, and says why', async () => {
  const { asked, told } = await ask(40, { fail: (prompt) => (prompt === 3 ? new ServingError('timeout', 'slow') : prompt === 30 ? new ServingError('status', 'no', { status: 400 }) : undefined) });
  expect([asked[3], asked[30], told]).toEqual([{ unanswered: 'timeout' }, { unanswered: 'status 400' }, 40]);
});

it('takes two of twenty for a trouble with prompts, and three for one of the server', async () => {
  const failing = (count: number) => ask(20, { fail: (prompt) => (prompt < count ? new ServingError('timeout', 'slow') : undefined) });
  expect((await failing(2)).told).toBe(20);
  await expect(failing(3)).rejects.toThrow('3 of 20 prompts are unanswered, which is too many to compare; the last one: slow');
});

it.each(['unreachable', 'malformed', 'too large'] as const)('ends at once for a server that is %s', async (failure) => {
  await expect(ask(20, { fail: (prompt) => (prompt === 1 ? new ServingError(failure, 'gone') : undefined) })).rejects.toMatchObject({ failure, message: 'gone' });
});
