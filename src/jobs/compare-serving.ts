import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import * as z from 'zod';
import { canonicalJson, digestOf } from '../domain/digest.js';
import type { ParityReport } from '../domain/reports/parity-report.js';
import { askAll } from '../engines/parity/ask.js';
import type { Asked } from '../engines/parity/ask.js';
import { compareAnswers } from '../engines/parity/compare-answers.js';
import type { ComparedPrompt, Question } from '../engines/parity/compare-answers.js';
import { judge, maxGapOf, ParityBounds } from '../engines/parity/judge.js';
import { heldOutPrompts, PromptsError } from '../engines/parity/prompts.js';
import type { Prompt } from '../engines/parity/prompts.js';
import { sum, summarise } from '../engines/parity/summarise.js';
import { openAiClient, serverRoot } from '../engines/serving/openai-client.js';
import type { OpenAiClient, ServedModel } from '../engines/serving/openai-client.js';
import { ServingError } from '../engines/serving/serving-error.js';
import { JobConfigurationError, JobFailedError } from './job-context.js';
import type { JobContext } from './job-context.js';

export const CompareServingParams = z
  .strictObject({
    count: z.number().int().min(1).max(2000).default(32).describe('Prompts.'),
    promptTokens: z.number().int().min(1).max(4096).default(64),
    maxTokens: z.number().int().min(1).max(1024).default(32).describe('Tokens generated for each prompt: of 32 prompts about 20 are needed, to tell that fewer than one position in a hundred is far off.'),
    topK: z.number().int().min(2).max(20).default(5).describe('How near a divergence is to a tie is read off it. vLLM gives at most 20 unless it is started otherwise.'),
    tokenizer: z.enum(['server', 'bytes']).default('server').describe('`server`: both servers\' /tokenize, which must agree. `bytes`: the UTF-8 bytes, for a byte-level model.'),
    requestSeconds: z.number().min(1).max(290).default(120).describe('Deadline of one request; fetch itself gives up after 300 seconds without a byte.'),
    bounds: ParityBounds,
    seed: z.number().int().min(0).default(1),
  })
  .superRefine(({ count, maxTokens, bounds }, context) => {
    const never = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message: `${message}, so no candidate could pass` });
    if (count < bounds.minPrompts) never(['count'], `${count} prompts are fewer than bounds.minPrompts, ${bounds.minPrompts}`);
    if (count * maxTokens < bounds.minPositions) never(['maxTokens'], `${count} prompts of ${maxTokens} tokens make fewer positions than bounds.minPositions, ${bounds.minPositions}`);
  });
type CompareServingParams = z.infer<typeof CompareServingParams>;

interface Side {
  name: 'reference' | 'candidate';
  client: OpenAiClient;
  model: ServedModel;
  backend: string;
}

/**
 * Compares two servers of one model, by their greedy answers to prompts from the input `dataset`. The output
 * `validation` has `report.json` (ParityReport) and `pairs.jsonl`; the verdict is told as progress, whatever it is.
 */
export async function run(job: JobContext): Promise<void> {
  const params = job.params(CompareServingParams);
  const dataset = job.input('dataset');
  // Both URLs before any server: a person mends them in one go.
  const urls = { reference: urlOf(job, 'FERRY_URL_REFERENCE'), candidate: urlOf(job, 'FERRY_URL_CANDIDATE') };
  if (sameServer(urls.reference, urls.candidate)) throw new JobConfigurationError('FERRY_URL_REFERENCE and FERRY_URL_CANDIDATE are one server: to compare it with itself says nothing of a candidate');
  const reference = await open(job, 'reference', urls.reference, params);
  const candidate = await open(job, 'candidate', urls.candidate, params);
  const parts = await promptsOf(dataset, reference, candidate, params);
  const prompts = parts.map(({ tokens }) => tokens);

  let step = 0;
  const ask = async ({ name, client, model }: Side, backwards: boolean): Promise<Asked[]> =>
    await of(name, askAll({ ...params, client, model: model.id, prompts, backwards, onAnswer: () => job.progress({ step: (step += 1), total: 3 * prompts.length }) }));
  const first = await ask(reference, false);
  const again = await ask(reference, true);
  const answers = await ask(candidate, false);

  const compareTo = (others: readonly Asked[]): (ComparedPrompt | undefined)[] => parts.map(({ document }, index) => compare(first[index], others[index], { document, maxTokens: params.maxTokens }));
  const pairs = compareTo(answers);
  const pair = pairs.flatMap((compared) => compared ?? []);
  const noise = compareTo(again).flatMap((compared) => compared ?? []);
  const oneNameForTwo = reference.model.id === candidate.model.id && artifactsDiffer(job);
  const verdict = judge({ asked: prompts.length, pair, noise, bounds: params.bounds, oneNameForTwo });
  const report: ParityReport = {
    schema: 'modelferry.parity/1',
    verdict,
    reference: { model: labelOf(reference.model), backend: reference.backend },
    candidate: { model: labelOf(candidate.model), backend: candidate.backend },
    promptsDigest: digestOf(prompts),
    maxTokens: params.maxTokens,
    topK: params.topK,
    pair: summarise(pair, maxGapOf(params.bounds)),
    noiseFloor: summarise(noise, maxGapOf(params.bounds)),
    bounds: params.bounds,
    points: pairs.flatMap((compared, prompt) => (compared === undefined ? [] : [pointOf(compared, prompt)])).slice(0, 500),
  };
  const folder = job.output('validation');
  mkdirSync(folder, { recursive: true });
  // No time and no address in either: the same answers make the same digest.
  writeFileSync(join(folder, 'report.json'), `${canonicalJson(report)}\n`);
  const line = (index: number): string => JSON.stringify({ prompt: index, promptDigest: digestOf(prompts[index]), reference: record(first[index]), again: record(again[index]), candidate: record(answers[index]) });
  writeFileSync(join(folder, 'pairs.jsonl'), prompts.map((_, index) => `${line(index)}\n`).join(''));
  tell(job, report, step);
}

async function open(job: JobContext, name: Side['name'], url: string, { requestSeconds, promptTokens, maxTokens }: CompareServingParams): Promise<Side> {
  const client = openAiClient({ url, deadlineMs: requestSeconds * 1000, signal: job.signal });
  await of(name, client.health());
  const model = await of(name, client.model());
  if (model.maxTokens !== undefined && model.maxTokens < promptTokens + maxTokens) {
    throw new JobConfigurationError(`the ${name} takes at most ${model.maxTokens} tokens, and promptTokens and maxTokens make ${promptTokens + maxTokens}`);
  }
  return { name, client, model, backend: job.variable(`FERRY_BACKEND_${name === 'reference' ? 'REFERENCE' : 'CANDIDATE'}`) ?? 'unknown' };
}

/** The answer of one side, or a failure that says which side it was. */
async function of<T>(name: Side['name'], answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ServingError) throw new JobFailedError(`the ${name}: ${error.message}`, { cause: error });
    throw error;
  }
}

function urlOf(job: JobContext, variable: 'FERRY_URL_REFERENCE' | 'FERRY_URL_CANDIDATE'): string {
  const url = job.variable(variable);
  if (url === undefined || url === '') throw new JobConfigurationError(`${variable} is not set: this program compares two servers that run already`);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new JobConfigurationError(`${variable} is no http address: ${url.slice(0, 200)}`);
  return url;
}

const sameServer = (one: string, other: string): boolean => new URL(serverRoot(one)).href === new URL(serverRoot(other)).href;

/** Whether the stage has a checkpoint and a model, and they are not one artifact. */
function artifactsDiffer(job: JobContext): boolean {
  const [one, other] = [job.optionalInput('checkpoint'), job.optionalInput('model')];
  if (one === undefined || other === undefined || !existsSync(one) || !existsSync(other)) return false;
  return realpathSync(one) !== realpathSync(other);
}

/** A token is seldom more than this many characters; prompts that come out too short are passed over. */
const CHARS_A_TOKEN = 8;

async function promptsOf(dataset: string, reference: Side, candidate: Side, { count, promptTokens, tokenizer, seed, bounds: { minPrompts } }: CompareServingParams): Promise<Prompt[]> {
  const byServers = async (text: string): Promise<number[]> => {
    const [tokens, others] = await Promise.all([reference, candidate].map(({ name, client, model }) => of(name, client.tokenize(model.id, text))));
    // Other ids are another question, and no difference between the answers would mean anything.
    if (tokens === undefined || canonicalJson(tokens) !== canonicalJson(others)) throw new JobConfigurationError('the two servers make different token ids of the same text: their tokenizers differ');
    return tokens;
  };
  try {
    const how = tokenizer === 'bytes' ? { chars: promptTokens, tokenize: async (text: string) => [...Buffer.from(text)] } : { chars: CHARS_A_TOKEN * promptTokens, tokenize: byServers };
    const prompts = await heldOutPrompts({ dataset, count, promptTokens, seed, ...how });
    const documents = new Set(prompts.map(({ document }) => document)).size;
    if (documents < minPrompts) throw new JobConfigurationError(`the ${count} prompts are parts of only ${documents} held-out documents, fewer than bounds.minPrompts, ${minPrompts}: hold out more, or bound less`);
    return prompts;
  } catch (error) {
    if (error instanceof PromptsError) throw new JobConfigurationError(error.message, { cause: error });
    throw error;
  }
}

/** Undefined where a side has no answer. */
function compare(one: Asked | undefined, other: Asked | undefined, question: Question): ComparedPrompt | undefined {
  return one === undefined || other === undefined || 'unanswered' in one || 'unanswered' in other ? undefined : compareAnswers(one, other, question);
}

/** A server that was started with a folder calls its model by the folder's path, which is of that machine alone. */
const labelOf = ({ id }: ServedModel): string => (isAbsolute(id) ? basename(id) : id);

/** What `pairs.jsonl` keeps of an answer; a logprob that is no finite number becomes null. */
const record = (asked: Asked | undefined): object | undefined => (asked === undefined || 'unanswered' in asked ? asked : { tokens: asked.tokens, logprobs: asked.logprobs });

function pointOf({ agreed, of, errors }: ComparedPrompt, prompt: number): ParityReport['points'][number] {
  return { prompt, agreed, of, meanError: errors.length === 0 ? 0 : sum(errors) / errors.length, maxError: Math.max(0, ...errors) };
}

function tell(job: JobContext, { verdict, pair, noiseFloor }: ParityReport, step: number): void {
  const metrics = {
    agreement: pair.agreement,
    meanLogprobError: pair.logprobError.mean,
    p99LogprobError: pair.logprobError.p99,
    topKInclusion: pair.topKInclusion,
    positions: pair.positions,
    noise: noiseFloor.logprobError.mean,
  };
  job.progress({ step, total: step, metrics });
  job.verdict(verdict);
}
