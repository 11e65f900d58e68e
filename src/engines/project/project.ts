import { existsSync, lstatSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Problem } from '../../domain/problems.js';
import { writeAtomically } from '../artifacts/durable-file.js';
import { systemCode } from '../artifacts/store-error.js';
import { packageManifest } from '../package-files.js';
import { isObject, mergeManifest, packageNameOf } from './manifest.js';
import { TEMPLATES, templateText, type TemplateName } from './templates.js';

/** A file that is merged or compared is a few kilobytes long; what is larger is something else. */
const MAX_BYTES = 1024 ** 2;

export interface ProjectFile {
  /** From the project's folder. */
  path: string;
  state: 'created' | 'changed' | 'unchanged';
  text: string;
}

export interface ProjectPlan {
  /** Absolute. */
  dir: string;
  /** In the order of their paths. */
  files: ProjectFile[];
  /** What is added to files that are there, a line each. */
  changes: string[];
  /** What stays as it is although the template has it otherwise, a line each. */
  kept: string[];
  /** What the project named as its modelferry before, a tarball for instance; undefined where it named none. */
  modelferry: string | undefined;
  /** Why nothing may be written; empty when all may. */
  problems: Problem[];
}

/** What a project of a template would be in a folder, which may have files already or not be there yet. Writes nothing. */
export function planProject({ dir, template }: { dir: string; template: TemplateName }): ProjectPlan {
  const plan: ProjectPlan = { dir, files: [], changes: [], kept: [], modelferry: undefined, problems: [] };
  if (isFile(dir)) {
    plan.problems.push({ path: dir, found: 'a file', expected: 'a folder, or nothing yet' });
    return plan;
  }
  const { files, ignored } = TEMPLATES[template];
  planManifest(plan, template);
  planIgnored(plan, ignored);
  for (const path of files) {
    const text = templateText(template, path);
    const { text: there, refused } = lookAt(plan, path);
    if (refused) continue;
    if (there === undefined || there === text) plan.files.push({ path, text, state: there === undefined ? 'created' : 'unchanged' });
    else plan.problems.push({ path, found: 'a file with other content', expected: 'no such file, or what the template has', suggestion: 'move it away, or name another folder' });
  }
  plan.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return plan;
}

/**
 * Writes what a plan says, each file whole or not at all: after a crash the same plan is made again and finds the rest
 * missing. @throws Error of the file system
 */
export function writeProject({ dir, files }: Pick<ProjectPlan, 'dir' | 'files'>): void {
  for (const { path, text, state } of files) {
    if (state === 'unchanged') continue;
    const target = join(dir, path);
    mkdirSync(dirname(target), { recursive: true });
    writeAtomically(target, text, { durable: false });
  }
}

function planManifest(plan: ProjectPlan, template: TemplateName): void {
  const path = 'package.json';
  const { text: there, refused } = lookAt(plan, path);
  if (refused) return;
  const existing = there === undefined ? undefined : parseManifest(plan, there);
  if (there !== undefined && existing === undefined) return;
  const own = packageManifest();
  const wanted = parseObject(templateText(template, path)) ?? {};
  const { manifest, changes, kept, problems, modelferry } = mergeManifest({
    existing,
    template: wanted,
    own,
    name: packageNameOf(basename(plan.dir), ['modelferry', ...Object.keys(own.devDependencies)]),
    hasMain: typeof existing?.['main'] === 'string' && existsSync(join(plan.dir, existing['main'])),
  });
  plan.problems.push(...problems);
  plan.modelferry = modelferry;
  if (there === undefined) {
    plan.files.push({ path, state: 'created', text: `${JSON.stringify(manifest, null, 2)}\n` });
    return;
  }
  plan.kept.push(...kept.map((line) => `${path}: ${line}`));
  plan.changes.push(...changes.map((line) => `${path}: ${line}`));
  const [, indent = '  '] = /^\{\r?\n([ \t]+)"/.exec(there) ?? [];
  plan.files.push(changes.length === 0 ? { path, state: 'unchanged', text: there } : { path, state: 'changed', text: `${JSON.stringify(manifest, null, indent)}\n` });
}

function parseManifest(plan: ProjectPlan, text: string): Record<string, unknown> | undefined {
  const parsed = parseObject(text);
  if (parsed === undefined) plan.problems.push({ path: 'package.json', found: 'no JSON object', expected: 'one, or no such file', suggestion: 'put it right, or name another folder' });
  return parsed;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A repository has its own list of what it leaves out, to which ours is added. */
function planIgnored(plan: ProjectPlan, ignored: readonly string[]): void {
  const path = '.gitignore';
  const { text: there, refused } = lookAt(plan, path);
  if (refused) return;
  const bare = (line: string): string => line.trim().replaceAll(/^\/|\/$/g, '');
  const has = new Set(there?.split('\n').map(bare));
  const missing = ignored.filter((line) => !has.has(bare(line)));
  if (there !== undefined) plan.changes.push(...missing.map((line) => `${path}: ${line}`));
  const state = there === undefined ? 'created' : missing.length > 0 ? 'changed' : 'unchanged';
  const before = there === undefined || there === '' || there.endsWith('\n') ? (there ?? '') : `${there}\n`;
  plan.files.push({ path, state, text: state === 'unchanged' ? (there ?? '') : before + missing.map((line) => `${line}\n`).join('') });
}

/** Nothing is there where neither is set. */
interface Found {
  text?: string;
  refused?: boolean;
}

/**
 * What is at a path of the project; where nothing can be written there, the plan gets the problem. No link is followed, since
 * what is written would land outside the folder.
 */
function lookAt(plan: ProjectPlan, path: string): Found {
  const refuse = (at: string, found: string, expected: string): Found => {
    if (!plan.problems.some((problem) => problem.path === at)) plan.problems.push({ path: at, found, expected, suggestion: 'move it away, or name another folder' });
    return { refused: true };
  };
  const parts = path.split('/');
  for (const i of parts.keys()) {
    const at = parts.slice(0, i + 1).join('/');
    const stat = lstatSync(join(plan.dir, at), { throwIfNoEntry: false });
    if (stat === undefined) return {};
    if (stat.isSymbolicLink()) return refuse(at, 'a symbolic link', 'a file or folder of this folder');
    const isLast = i === parts.length - 1;
    if (!isLast && !stat.isDirectory()) return refuse(at, 'a file', 'a folder, or nothing yet');
    if (isLast && !stat.isFile()) return refuse(at, stat.isDirectory() ? 'a folder' : 'no regular file', 'a file, or nothing yet');
    if (isLast && stat.size > MAX_BYTES) return refuse(at, `a file of ${stat.size} bytes`, `at most ${MAX_BYTES} bytes, or nothing yet`);
  }
  return { text: readFileSync(join(plan.dir, path), 'utf8') };
}

/** Whether a path leads to a file, or through one. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return true;
    throw error;
  }
}
