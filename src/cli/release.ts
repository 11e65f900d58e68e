import { join, resolve } from 'node:path';
import { describeRun } from '../client/describe.js';
import type { Problem } from '../domain/problems.js';
import type { RunSpec } from '../domain/spec.js';
import { loadSite, releasesDirOf } from '../engines/config/load-site.js';
import type { Descriptor } from '../engines/oci/documents.js';
import { placeOf, readIndex, taggedIn } from '../engines/oci/layout-index.js';
import { parseRef, type ReleaseRef } from '../engines/oci/release-ref.js';
import type { CliContext } from './context.js';
import { UsageError } from './errors.js';
import { withServer } from './server.js';

/** What goes for every release so far, and must stand wherever one is judged. */
export const UNSIGNED = 'approvals are asserted, not signed: the record says who approved, and nothing in it proves that they did';

/** The releases of the site that is in force here; without a site file those of the home. */
export async function releasesRootOf(context: CliContext): Promise<string> {
  return releasesDirOf(await loadSite({ path: context.sitePath, env: context.env['FERRY_SITE'], cwd: context.cwd, builtIn: true }), context.home);
}

/**
 * What is wrong with the version of a spec that publishes: it is published already, at the site that is in force here.
 * Known before weeks of training rather than after the approval.
 */
export async function versionProblem(context: CliContext, { model, version, stages }: Pick<RunSpec, 'model' | 'version' | 'stages'>): Promise<Problem | undefined> {
  if (stages.publish === undefined) return undefined;
  const { layout } = placeOf(await releasesRootOf(context), model);
  let there: Descriptor | undefined;
  try {
    const index = readIndex(layout);
    there = index === undefined ? undefined : taggedIn(index, version);
  } catch (error) {
    // What can't be read can't be published into either.
    return { path: 'version', found: `${version}, and the releases can't be read: ${error instanceof Error ? error.message : String(error)}`, expected: 'a folder of releases, or none yet' };
  }
  if (there === undefined) return undefined;
  return { path: 'version', found: `${version}, published already as ${there.digest}`, expected: 'a version that is not published yet', suggestion: `see it with: ferry release show ${model}:${version}` };
}

/** The release that a call means: by its reference, or as what a run made. */
export async function releaseOf(context: CliContext, typed: string | undefined, run: string | undefined, command: string): Promise<ReleaseRef> {
  if ((typed === undefined) === (run === undefined)) throw new UsageError(`ferry ${command} takes a release or a run`, `For example: ferry ${command} tiny:1, or: ferry ${command} --run tiny-v1`);
  const root = await releasesRootOf(context);
  return parseRef(typed ?? (await refOfRun(context, run ?? '')), { cwd: (path) => resolve(context.cwd, path), model: (name) => join(root, name) });
}

async function refOfRun(context: CliContext, run: string): Promise<string> {
  const { release, state } = await withServer(context, ({ client, ui }) => describeRun({ client, run, ui }));
  if (release === null) throw new UsageError(`${run} has released nothing: it is ${state}`, `See where it stands with: ferry status ${run}`, [], 'release_missing');
  return release.ref;
}
