import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { SearchAttributeType, defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { randomBytes, randomUUID } from 'node:crypto';
import { requestersOf } from '../domain/approval.js';
import type { ArtifactRef } from '../domain/artifact.js';
import { digestOf } from '../domain/canonical.js';
import { RunId, WORKFLOW_QUEUE } from '../domain/ids.js';
import { formatPath } from '../domain/problems.js';
import type { Rehearsal, RunInput, TakenOver } from '../domain/run-input.js';
import { artifactTypeOf, type PipelineDescription } from '../domain/pipeline.js';
import { inputProblems } from '../domain/plan.js';
import { PersonName } from '../domain/sections.js';
import { pipelineNameOf, pipelineOf, runSpecOf, type Pipelines, type RunSpec, type RunSpecInput } from '../domain/spec.js';
import { markdown } from '../domain/views.js';
import { ClientError, EXIT_USAGE } from './errors.js';
import { lookUp, memoOf, uiLink, type RunMemo } from './run-record.js';
import { calling } from './server-error.js';

/** The server takes 20 KB of details; a person reads the beginning. */
const MAX_DETAILS_SPEC = 8000;

/** Where a spec's own files are put, so that workers find them by digest. */
export interface SpecStore {
  /** Takes in a file or folder, by its path as the spec says it. Rejects a path that leaves the spec's folder. */
  pack(path: string, kind: string): Promise<ArtifactRef>;
  /** Rejects when there is no artifact of this digest. */
  find(digest: string, kind: string): Promise<ArtifactRef>;
}

/** What to start, who asks, and how the spec's own files reach the store. */
export interface StartInput {
  client: Client;
  /** As it was written. */
  spec: unknown;
  /** Pipelines besides the built-in ones, by name. */
  pipelines?: Pipelines;
  /** Default: made of model, version and a random end. */
  id?: string;
  /** Who asks; may not approve the release where the site excludes authors. */
  requestedBy: string;
  /** Called only where the spec names code or inputs; a spec that does is refused without it. */
  openStore?: () => SpecStore | Promise<SpecStore>;
  ui?: string | null;
  rehearsal?: Rehearsal;
  /** What to take over from an earlier run: `reusableOf` tells it. */
  resume?: TakenOver;
  /** Called when the run was there before: the answer is the same. */
  onExisting?: () => void;
}

/** The answer of `ferry start`, as the contract pins it. */
export interface StartedRun {
  run: string;
  runUid: string;
  specDigest: string;
  ui: string | null;
}

/**
 * Starts a run. The same id with the same spec again gives the same answer and starts nothing.
 * @throws ClientError `run_exists` for the same id with another spec, `spec_invalid`, `unknown_pipeline`, `bad_id`, `bad_name` (all exit 2);
 * and whatever the store rejects with.
 */
export async function startRun({ client, spec: raw, pipelines, id, requestedBy, openStore, ui, rehearsal, resume, onExisting }: StartInput): Promise<StartedRun> {
  const pipeline = pipelineFor(raw, pipelines);
  const spec = parse(pipeline, raw);
  const run = id ?? defaultId(spec);
  checkNames(run, requestedBy);
  const resolved = await resolveSources(pipeline, raw as RunSpecInput, spec, openStore);
  return await launch({ client, run, ui, onExisting, pipeline, input: { v: 1, runUid: randomUUID(), requestedBy, ...resolved, ...(resume === undefined ? {} : { resume }), ...(rehearsal === undefined ? {} : { rehearsal }) } });
}

interface Launch {
  client: Client;
  run: string;
  pipeline: PipelineDescription;
  input: RunInput;
  ui?: string | null;
  onExisting?: () => void;
}

/**
 * Starts the workflow of a run; the same id with the same spec and the same predecessor is the same run.
 * @throws ClientError `run_exists` (exit 2) when the id is taken by another.
 */
export async function launch({ client, run, pipeline, input, ui, onExisting }: Launch): Promise<StartedRun> {
  const spec = parse(pipeline, input.spec);
  const specDigest = digestOf(input.spec);
  const memo: RunMemo = { runUid: input.runUid, specDigest, startedAt: new Date().toISOString(), ...(input.resume === undefined ? {} : { resumedFrom: originOf(input.resume) }) };
  const answer = (runUid: string): StartedRun => ({ run, runUid, specDigest, ui: uiLink(ui, client.options.namespace, run) });
  try {
    await calling('did not start the run', () =>
      client.workflow.start(pipeline.name, {
        workflowId: run,
        taskQueue: WORKFLOW_QUEUE,
        args: [input],
        // A finished run's id stands in reports and attestations: it is never given to another.
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        memo: { ...memo },
        typedSearchAttributes: attributesFor(pipeline, spec),
        staticSummary: `${spec.model} ${spec.version}, spec ${specDigest.slice(0, 19)}`,
        staticDetails: detailsFor({ run, spec, specDigest, input }),
      }),
    );
    return answer(input.runUid);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const there = memoOf(await lookUp(client, run));
    const same = there.specDigest === specDigest && digestOf(there.resumedFrom ?? null) === digestOf(memo.resumedFrom ?? null);
    if (same && there.runUid !== undefined) {
      onExisting?.();
      return answer(there.runUid);
    }
    throw runExists(run, specDigest, there);
  }
}

const originOf = ({ run, from }: TakenOver): NonNullable<RunMemo['resumedFrom']> => ({ run, ...(from === undefined ? {} : { from }) });

function runExists(run: string, specDigest: string, there: Partial<RunMemo>): ClientError {
  const other = there.specDigest === undefined ? 'was not started by ferry' : there.specDigest === specDigest ? 'takes over from another run' : `has the spec ${there.specDigest}, not ${specDigest}`;
  return new ClientError({ code: 'run_exists', message: `The id ${run} is taken: that run ${other}`, hint: `Look at it with: ferry status ${run}, or choose another id with --id`, exitCode: EXIT_USAGE });
}

/** @throws ClientError `unknown_pipeline` */
export function pipelineFor(raw: unknown, own: Pipelines | undefined): PipelineDescription {
  const pipeline = pipelineOf(raw, own);
  if (pipeline !== undefined) return pipeline;
  throw new ClientError({ code: 'unknown_pipeline', message: `The spec is of the pipeline ${JSON.stringify(pipelineNameOf(raw).slice(0, 100))}, which is not known here`, hint: 'Name the module that exports it with: --pipelines FILE', exitCode: EXIT_USAGE });
}

function parse(pipeline: PipelineDescription, raw: unknown): RunSpec {
  const parsed = runSpecOf(pipeline).safeParse(raw);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `${formatPath(issue.path)}: ${issue.message}`);
  throw new ClientError({ code: 'spec_invalid', message: `The run spec is not valid: ${issues.join('; ')}`, hint: 'See what a spec may hold with: ferry schema run', exitCode: EXIT_USAGE });
}

export function checkNames(run: string, requestedBy: string): void {
  const id = RunId.safeParse(run);
  if (!id.success) throw new ClientError({ code: 'bad_id', message: `${JSON.stringify(run.slice(0, 120))} is no run id: ${id.error.issues[0]?.message ?? ''}`, hint: 'Choose another one with --id', exitCode: EXIT_USAGE });
  if (!PersonName.safeParse(requestedBy).success)
    throw new ClientError({ code: 'bad_name', message: `${JSON.stringify(requestedBy.slice(0, 120))} cannot stand as the name of a person: ASCII letters, digits and . _ @ + -`, hint: 'Say who you are with: export FERRY_USER=NAME', exitCode: EXIT_USAGE });
}

/** Readable in lists, and never the same twice: the random end has 30 bits. */
function defaultId(spec: RunSpec): string {
  const suffix = [...randomBytes(6)].map((byte) => 'abcdefghjkmnpqrstuvwxyz23456789x'[byte % 32]).join('');
  return `${`${spec.model}-${spec.version}`.slice(0, 90)}-${suffix}`;
}

/** The spec with every path replaced by the digest of what was packed: what is sent names content, never places. */
async function resolveSources(pipeline: PipelineDescription, raw: RunSpecInput, spec: RunSpec, openStore: StartInput['openStore']): Promise<Pick<RunInput, 'spec' | 'code' | 'inputs'>> {
  const names = Object.keys(spec.inputs);
  if (spec.code === undefined && names.length === 0) return { spec: raw };
  if (openStore === undefined) throw new ClientError({ code: 'no_store', message: 'The spec names code or inputs, and there is no store to put them in', hint: 'Start it with: ferry start SPEC', exitCode: EXIT_USAGE });
  const store = await openStore();
  const take = (source: { path: string } | { artifact: string }, kind: string): Promise<ArtifactRef> => ('path' in source ? store.pack(source.path, kind) : store.find(source.artifact, kind));
  const code = spec.code === undefined ? undefined : await take(spec.code, 'code');
  const inputs: Record<string, ArtifactRef> = {};
  for (const name of names) {
    const source = spec.inputs[name];
    if (source !== undefined) inputs[name] = await take(source, artifactTypeOf(pipeline, name)?.kind ?? name);
  }
  const [wrong] = inputProblems(pipeline, spec, inputs);
  if (wrong !== undefined) throw new ClientError({ code: 'spec_invalid', message: `The run can't begin with ${wrong.path}: ${wrong.found}`, hint: `Nothing was started: give ${wrong.expected}`, exitCode: EXIT_USAGE });
  return {
    spec: {
      ...raw,
      ...(code === undefined ? {} : { code: { artifact: code.digest } }),
      ...(names.length === 0 ? {} : { inputs: Object.fromEntries(Object.entries(inputs).map(([name, ref]) => [name, { artifact: ref.digest }])) }),
    },
    ...(code === undefined ? {} : { code }),
    ...(names.length === 0 ? {} : { inputs }),
  };
}

function attributesFor(pipeline: PipelineDescription, spec: RunSpec): SearchAttributePair[] {
  const keyword = (name: string, value: string): SearchAttributePair => ({ key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value });
  const pairs = [keyword('FerryStage', Object.keys(pipeline.stages)[0] ?? ''), keyword('FerryWaitingOn', ''), keyword('FerryModel', spec.model), keyword('FerryVersion', spec.version)];
  if (spec.targetDate !== undefined) pairs.push({ key: defineSearchAttributeKey('FerryTargetDate', SearchAttributeType.DATETIME), value: new Date(`${spec.targetDate}T00:00:00Z`) });
  return pairs;
}

/** Markdown for the run's page in the Temporal UI. */
function detailsFor({ run, spec, specDigest, input }: { run: string; spec: RunSpec; specDigest: string; input: RunInput }): string {
  const text = JSON.stringify(input.spec, null, 2);
  const shown = text.length > MAX_DETAILS_SPEC ? `${text.slice(0, MAX_DETAILS_SPEC)}\n… (${text.length} characters in all)` : text;
  // A fence is closed by one that is as long: longer than any run of backticks inside, the text can't leave its block.
  const fence = '`'.repeat(Math.max(3, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  const lines = [
    `Release of **${markdown(spec.model)} ${markdown(spec.version)}**, asked for by ${markdown(requestersOf(spec, input).join(', '))}.`,
    '',
    ...(input.resume === undefined ? [] : [`Takes over from ${markdown(input.resume.run)} ${input.resume.from === undefined ? 'what is unchanged' : `what stands before ${input.resume.from}`}.`, '']),
    // Current details come from a worker; this is read without one.
    `Where it stands and who is waited for: \`ferry status ${run}\`, the newest line of the timeline, or the search attributes.`,
    '',
    `Spec \`${specDigest}\`:`,
    '',
    `${fence}json`,
    shown,
    fence,
  ];
  return lines.join('\n');
}
