import * as z from 'zod';
import { installedPackagesRoot, PackagesNotFoundError } from '../engines/text/installed-packages.js';
import { TextSourceError } from '../engines/text/list-documents.js';
import type { DocumentRoot } from '../engines/text/list-documents.js';
import { prepareText } from '../engines/text/prepare-text.js';
import { JobConfigurationError } from './job-context.js';
import type { JobContext } from './job-context.js';

const extensions = z.array(z.string().regex(/^\.[A-Za-z0-9.]{1,20}$/, 'an ending such as .md')).min(1).max(20).default(['.md']).describe('Endings of the files that count.');
const path = z.string().min(1).max(500).default('.').describe('A folder, relative, without `..`.');

const TextSource = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('npm'), extensions }).describe('Documentation of the npm packages that are installed beside modelferry.'),
  z.strictObject({ from: z.literal('folder'), path, extensions }).describe('A folder of the job\'s own, as its code brought it.'),
  z.strictObject({ from: z.literal('input'), input: z.string().min(1).max(60), path, extensions }).describe('A folder of one of the job\'s inputs.'),
]);
type TextSource = z.infer<typeof TextSource>;

export const PrepareTextParams = z.strictObject({
  sources: z.array(TextSource).min(1).max(20),
  heldOut: z.number().min(0.01).max(0.5).default(0.1).describe('Share of the text that is held out.'),
  maxBytes: z.number().int().min(1000).max(4 * 1024 ** 3).default(64 * 1024 ** 2).describe('Most bytes of text that are kept; whole documents are sampled.'),
  seed: z.number().int().min(0).default(1),
});

/** Makes the output `dataset` out of text files: normalised, without duplicates, split by families. Nothing is downloaded. */
export async function run(job: JobContext): Promise<void> {
  const { sources, ...options } = job.params(PrepareTextParams);
  try {
    const card = await prepareText({
      ...options,
      roots: sources.map((source) => rootOf(source, job)),
      output: job.output('dataset'),
      signal: job.signal,
      onProgress: (step, total, metrics) => job.progress({ step, total, metrics }),
    });
    job.log(`kept ${card.kept.documents} of ${card.read.documents} documents, ${card.kept.bytes} bytes of text; ${Object.entries(card.splits).map(([name, { documents }]) => `${name} ${documents}`).join(', ')}`);
    for (const { reason, documents } of card.dropped) job.log(`dropped ${documents}: ${reason}`);
  } catch (error) {
    if (error instanceof TextSourceError || error instanceof PackagesNotFoundError) throw new JobConfigurationError(error.message, { cause: error });
    throw error;
  }
}

function rootOf(source: TextSource, job: JobContext): DocumentRoot {
  switch (source.from) {
    case 'npm':
      return { kind: 'packages', base: installedPackagesRoot(), path: '.', extensions: source.extensions };
    case 'folder':
      return { kind: 'folder', base: process.cwd(), path: source.path, extensions: source.extensions };
    case 'input':
      return { kind: 'folder', base: job.input(source.input), path: source.path, extensions: source.extensions };
  }
}
