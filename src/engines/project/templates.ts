import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../package-files.js';

export const TEMPLATE_NAMES = ['custom', 'release'] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

interface Template {
  /** An example of this package: the one source of the project's files. */
  readonly example: string;
  /** Which of its files go along, beside `package.json`, which is merged. What else lies there, such as what was built, stays. */
  readonly files: readonly string[];
  /** What version control leaves out. The example has no such file: npm packs none. */
  readonly ignored: readonly string[];
}

export const TEMPLATES: Readonly<Record<TemplateName, Template>> = {
  custom: {
    example: 'examples/custom-pipeline',
    files: ['corpus/sentences.txt', 'jobs/tune.mjs', 'run.yaml', 'src/pipelines.ts', 'test/pipelines.test.ts', 'tsconfig.build.json', 'tsconfig.json', 'vitest.config.ts'],
    ignored: ['node_modules/', 'dist/'],
  },
  release: {
    example: 'examples/release-project',
    files: [
      'ferry.site.yaml',
      ...['assess-quality', 'convert', 'job', 'prepare-data', 'train', 'validate'].map((name) => `jobs/${name}.mjs`),
      'run.yaml',
      'test/release.test.ts',
      'tsconfig.json',
      'vitest.config.ts',
    ],
    ignored: ['node_modules/'],
  },
};

/** The text of a template's file; also of its `package.json`. @throws Error of the file system, where the package is not whole */
export const templateText = (name: TemplateName, path: string): string => readFileSync(packageFile(join(TEMPLATES[name].example, path)), 'utf8');
