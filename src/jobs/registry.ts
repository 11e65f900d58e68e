import type { JobProgram } from './job-context.js';

export interface JobEntry {
  readonly name: string;
  /** For the list of programs. */
  readonly summary: string;
  readonly load: () => Promise<{ run: JobProgram }>;
}

/** modelferry's own programs under the job contract, run by `ferry job NAME`. Nothing here loads one. */
export const JOBS: readonly JobEntry[] = [
  { name: 'convert-checkpoint', summary: 'convert FP32 safetensors to BF16 and audit the result', load: () => import('./convert-checkpoint.js') },
  { name: 'audit-checkpoint', summary: 'audit a BF16 checkpoint that another program made of an FP32 one', load: () => import('./audit-checkpoint.js') },
  { name: 'prepare-text', summary: 'make a text dataset from files that are there already', load: () => import('./prepare-text.js') },
  { name: 'compare-serving', summary: 'compare a candidate server with a reference, by their answers', load: () => import('./compare-serving.js') },
];
