import type { DefinedCommand } from '../src/cli/command-of.js';

export function cliReference(defined: readonly DefinedCommand[], contract: string): string;
