import type { Problem } from '../../domain/problems.js';

type Json = Record<string, unknown>;

/** What `npm init` writes for want of anything better; nobody meant it. */
const NPM_TEST = 'echo "Error: no test specified" && exit 1';

export interface ManifestInput {
  /** What `package.json` holds so far; undefined where there is none. */
  existing: Json | undefined;
  /** The one of the template. */
  template: Json;
  /** Of this package: its version, and those of its tools, which the template was tested with. */
  own: { version: string; devDependencies: Readonly<Record<string, string>> };
  /** For a project that has no name yet. */
  name: string;
  /** Whether the file exists that `main` names. */
  hasMain: boolean;
}

export interface MergedManifest {
  manifest: Json;
  /** What was added, a line each. */
  changes: string[];
  /** What stays although the template has it otherwise, a line each. */
  kept: string[];
  /** Why it can't be merged; empty when it can. */
  problems: Problem[];
  /** What it said already of where modelferry comes from. */
  modelferry: string | undefined;
}

/** A project's `package.json`: every key that is there stays as it is, and what is missing comes from the template. Pure. */
export function mergeManifest({ existing, template, own, name, hasMain }: ManifestInput): MergedManifest {
  const manifest: Json = { ...existing };
  const changes: string[] = [];
  const kept: string[] = [];
  const problems: Problem[] = [];

  const sections = new Map<string, Json>();
  for (const key of ['scripts', 'modelferry', 'dependencies', 'devDependencies', 'peerDependencies']) {
    const there = manifest[key] ?? {};
    if (!isObject(there)) problems.push({ path: `package.json, ${key}`, found: JSON.stringify(there), expected: 'an object' });
    sections.set(key, { ...objectOf(there) });
  }
  const section = (key: string): Json => sections.get(key) ?? {};

  /** Adds what is missing to an object of the manifest. */
  const fill = (key: string, wanted: Json, isFree = (has: Json, entry: string) => !Object.hasOwn(has, entry)): void => {
    const has = section(key);
    for (const [entry, value] of Object.entries(wanted)) {
      if (isFree(has, entry)) {
        has[entry] = value;
        manifest[key] = has;
        changes.push(`${key}.${entry}: ${String(value)}`);
      } else if (has[entry] !== value) kept.push(`${key}.${entry} is ${JSON.stringify(has[entry])}; the template has ${JSON.stringify(value)}`);
    }
  };

  if (manifest['name'] === undefined) {
    for (const [key, value] of Object.entries({ name, version: template['version'], private: template['private'] })) {
      if (manifest[key] !== undefined) continue;
      manifest[key] = value;
      changes.push(`${key}: ${String(value)}`);
    }
  }
  if (manifest['type'] === undefined || (manifest['type'] === 'commonjs' && !hasMain)) {
    // Newer versions of npm write "commonjs" into every package.json; as long as there is no code it says nothing.
    manifest['type'] = template['type'];
    changes.push(`type: ${String(template['type'])}`);
  } else if (manifest['type'] !== template['type']) {
    problems.push({ path: 'package.json, type', found: JSON.stringify(manifest['type']), expected: JSON.stringify(template['type']), suggestion: 'pipelines are ES modules: npm pkg set type=module, or name another folder' });
  }
  fill('scripts', objectOf(template['scripts']), (has, entry) => !Object.hasOwn(has, entry) || (entry === 'test' && has[entry] === NPM_TEST));
  fill('modelferry', objectOf(template['modelferry']));

  const installed: Json = { ...section('peerDependencies'), ...section('devDependencies'), ...section('dependencies') };
  if (!Object.hasOwn(installed, 'modelferry')) fill('dependencies', { modelferry: `^${own.version}` });
  for (const tool of Object.keys(objectOf(template['devDependencies']))) {
    const version = own.devDependencies[tool] ?? '*';
    if (!Object.hasOwn(installed, tool)) fill('devDependencies', { [tool]: version });
    else if (installed[tool] !== version) kept.push(`${tool} is ${JSON.stringify(installed[tool])}; the template has ${JSON.stringify(version)}`);
  }
  return { manifest, changes, kept, problems, modelferry: typeof installed['modelferry'] === 'string' ? installed['modelferry'] : undefined };
}

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const objectOf = (value: unknown): Json => (isObject(value) ? value : {});

/** A name that npm takes, after a folder's. `taken`: the packages that the project itself depends on. */
export function packageNameOf(folder: string, taken: readonly string[]): string {
  const name = folder
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[._-]+|[-.]+$/g, '')
    .slice(0, 100);
  if (name === '') return 'ferry-project';
  // A package of the name of its dependency would find itself where it looks for that one.
  return taken.includes(name) || name === 'node_modules' ? `${name}-project` : name;
}
