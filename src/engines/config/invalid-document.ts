import type { Problem } from '../../domain/problems.js';

/** `missing`: no such file. `syntax`: not YAML or JSON. `invalid`: read, but not what its schema asks for. */
export type DocumentFault = 'missing' | 'syntax' | 'invalid';

/** Thrown for a file that people write (a run spec, a site file) and that cannot be used; holds every problem at once. */
export class InvalidDocument extends Error {
  override readonly name = 'InvalidDocument';

  constructor(
    /** The file as it was named. */
    readonly file: string,
    /** `run spec` or `site file`. */
    readonly what: string,
    readonly fault: DocumentFault,
    readonly problems: readonly Problem[],
  ) {
    super(`${file} is not a valid ${what}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`);
  }
}
