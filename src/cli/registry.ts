import type { Command } from 'commander';
import type { CliContext } from './context.js';

/** What a command's module exports. `options` are unknown until the command has parsed them. */
export interface CommandModule {
  configure(command: Command): void;
  /** Resolves with the exit code. */
  run(context: CliContext, args: string[], options: unknown): Promise<number>;
}

export interface CommandEntry {
  /** One word, or two for a command of a group: `jobs list`. */
  readonly name: string;
  /** For the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
  /** Which of the common options it takes, besides `--json` and `--no-color`. */
  readonly takes: readonly ('server' | 'site' | 'pipelines')[];
  /**
   * What SIGINT and SIGTERM do: `end` the command with 130 or 143; only `tell` it by `context.signal`, and its own exit
   * code counts; or leave them to it altogether, which is then its `own` business. Default `end`.
   */
  readonly signals?: 'end' | 'tell' | 'own';
}

/** Every command, in the order of the help. Nothing here loads one. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'init', summary: 'make a project that runs, tests and type-checks at once', takes: [], load: () => import('./commands/init.js') },
  { name: 'dev', summary: 'run a Temporal server with its Web UI and a worker on this machine', takes: ['server', 'site', 'pipelines'], signals: 'own', load: () => import('./commands/dev.js') },
  { name: 'demo', summary: 'bring a small real model from text to an approved release, on this machine', takes: ['server', 'site'], signals: 'own', load: () => import('./commands/demo.js') },
  { name: 'worker', summary: 'run a worker for this site', takes: ['server', 'site', 'pipelines'], signals: 'tell', load: () => import('./commands/worker.js') },
  { name: 'plan', summary: 'show what a spec would do, and what is wrong with it', takes: ['server', 'site', 'pipelines'], load: () => import('./commands/plan.js') },
  { name: 'start', summary: 'start a run', takes: ['server', 'site', 'pipelines'], load: () => import('./commands/start.js') },
  { name: 'list', summary: 'list runs, newest first', takes: ['server', 'site'], load: () => import('./commands/list.js') },
  { name: 'status', summary: 'show where a run stands and who is waited for', takes: ['server', 'site'], load: () => import('./commands/status.js') },
  { name: 'watch', summary: 'follow a run until it ends', takes: ['server', 'site'], load: () => import('./commands/watch.js') },
  { name: 'report', summary: 'make one HTML page of a run, with its evidence', takes: ['server', 'site'], load: () => import('./commands/report.js') },
  { name: 'logs', summary: 'show the log of a job', takes: ['server', 'site'], load: () => import('./commands/logs.js') },
  { name: 'approve', summary: 'approve a release at its gate', takes: ['server', 'site'], load: () => import('./commands/approve.js') },
  { name: 'reject', summary: 'reject a release, or send it back to a stage', takes: ['server', 'site'], load: () => import('./commands/reject.js') },
  { name: 'retry', summary: 'answer the repair gate of a stage that failed for good', takes: ['server', 'site'], load: () => import('./commands/retry.js') },
  { name: 'resume', summary: 'start a linked run that takes over what an earlier one made', takes: ['server', 'site', 'pipelines'], load: () => import('./commands/resume.js') },
  { name: 'cancel', summary: 'end a run; its jobs save first', takes: ['server', 'site'], load: () => import('./commands/cancel.js') },
  { name: 'jobs list', summary: 'list jobs, of one run or of all executors', takes: ['server', 'site'], load: () => import('./commands/jobs-list.js') },
  { name: 'gc', summary: 'end jobs whose run has ended', takes: ['server', 'site'], load: () => import('./commands/gc.js') },
  { name: 'artifact add', summary: 'take a file or folder into the store', takes: ['site'], load: () => import('./commands/artifact-add.js') },
  { name: 'artifact show', summary: 'show an artifact and whether it is whole', takes: ['site'], load: () => import('./commands/artifact-show.js') },
  { name: 'artifact pull', summary: 'copy an artifact out of the store', takes: ['site'], load: () => import('./commands/artifact-pull.js') },
  { name: 'release list', summary: 'list the releases of this site', takes: ['site'], load: () => import('./commands/release-list.js') },
  { name: 'release show', summary: 'show a release: its files, its evidence and who approved it', takes: ['server', 'site'], load: () => import('./commands/release-show.js') },
  { name: 'release verify', summary: 'check a release against its digests and its record', takes: ['server', 'site'], load: () => import('./commands/release-verify.js') },
  { name: 'schema', summary: 'print the JSON Schema of a run spec or a site file', takes: [], load: () => import('./commands/schema.js') },
  { name: 'completion', summary: 'print a completion script for bash, zsh or fish', takes: [], load: () => import('./commands/completion.js') },
  { name: 'job', summary: 'run a program of modelferry inside a job (for specs, not for people)', takes: [], signals: 'tell', load: () => import('./commands/job.js') },
  { name: 'codec-server', summary: 'decrypt payloads for the Temporal Web UI, on this machine', takes: ['site'], load: () => import('./commands/codec-server.js') },
  { name: 'doctor', summary: 'check this machine, the site file, the server and its workers', takes: ['server', 'site'], load: () => import('./commands/doctor.js') },
];
