// Writes docs/api: what each public entry of the package exports, as the compiler declares it: npm run docs:api. A test in
// test/guarantees makes the reports anew and compares. The compiler here has no API for JavaScript; the .d.ts files that it
// writes are regular, each statement begins in the first column, so they are read as text.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A type that the compiler names without an import: `import("./part.js").Part`; those of packages stay as they are. */
const INLINE = /\bimport\(["'](\.[^"']+)["']\)\.([\w$]+)/g;

/** Schemas and types are here; other entries that have some of them too say so. */
const SHARED = 'domain';
const INTERNAL = 'internal';

/** The modules below a folder of .d.ts files: what each declares, imports and exports. Read when they are asked for. */
function modulesBelow(root) {
  const read = new Map();
  return (path) => {
    if (!read.has(path)) read.set(path, moduleOf(path, readFileSync(join(root, path), 'utf8')));
    return read.get(path);
  };
}

/** @throws Error for a statement that is none of those that the compiler writes: better than a report with a hole. */
function moduleOf(path, text) {
  const module = { path, declared: new Map(), imported: new Map(), exported: new Map(), stars: [] };
  for (const { doc, code } of statementsOf(path, text)) addStatement(module, doc, code);
  return module;
}

function addStatement(module, doc, code) {
  const { path, declared, imported, exported, stars } = module;
  const declaration = /^(export )?(default )?(?:declare )?(?:abstract )?(?:const|let|var|function|class|interface|type|enum|namespace) ([\w$]+)/.exec(code);
  if (declaration !== null) {
    const [, isExported, isDefault, name] = declaration;
    declared.set(name, [...(declared.get(name) ?? []), { doc, code: code.replace(/^export (?:default )?/, '').replace(/^declare /, '') }]);
    if (isExported !== undefined) exported.set(isDefault === undefined ? name : 'default', { module: path, name });
    return;
  }
  const from = /\bfrom ['"]([^'"]+)['"];?$/.exec(code)?.[1];
  const target = from === undefined ? undefined : targetOf(path, from);
  const names = /\{([\s\S]*)\}/.exec(code)?.[1];
  const space = /^(?:import|export)(?: type)? \* as ([\w$]+)/.exec(code)?.[1];
  if (/^import ['"]/.test(code) || /^export \{\s*\};?$/.test(code)) return;
  if (code.startsWith('import ')) {
    const byDefault = /^import (?:type )?([\w$]+)(?:,| from)/.exec(code)?.[1];
    if (target === undefined || (names === undefined && space === undefined && byDefault === undefined)) throw new Error(`${path}: an import that is not understood: ${code}`);
    if (byDefault !== undefined) imported.set(byDefault, { module: target, name: 'default' });
    if (space !== undefined) imported.set(space, { module: target, name: '*' });
    for (const [name, local] of pairsOf(names)) imported.set(local, { module: target, name });
  } else if (code.startsWith('export ') && (names !== undefined || space !== undefined || /^export (?:type )?\* from/.test(code))) {
    if (space !== undefined) exported.set(space, { module: target, name: '*' });
    else if (names === undefined) stars.push(target);
    else for (const [name, as] of pairsOf(names)) exported.set(as, target === undefined ? (imported.get(name) ?? { module: path, name }) : { module: target, name });
  } else throw new Error(`${path}: a statement that is not understood: ${code}`);
}

/** `A, type B as C` as pairs of the name there and the name here. */
const pairsOf = (names = '') =>
  names
    .split(',')
    .map((part) => part.trim().replace(/^type /, ''))
    .filter((part) => part !== '')
    .map((part) => [part.split(' as ')[0].trim(), part.split(' as ').at(-1).trim()]);

/** Top-level statements, each with the doc comment right before it. */
function statementsOf(path, text) {
  const statements = [];
  let doc = '';
  let lines = [];
  const end = () => {
    if (lines.length > 0) statements.push({ doc, code: lines.join('\n').trimEnd() });
    lines = [];
  };
  let comment;
  for (const line of text.split('\n')) {
    if (comment !== undefined || line.startsWith('/**')) {
      if (comment === undefined) end();
      comment = [...(comment ?? []), line];
      if (!line.trimEnd().endsWith('*/')) continue;
      doc = comment.join('\n');
      comment = undefined;
    } else if (/^(?:export|import|declare|interface|type|abstract)\b/.test(line)) {
      if (lines.length > 0) {
        end();
        doc = '';
      }
      lines = [line];
    } else if (lines.length > 0) lines.push(line);
    else if (line.trim() !== '' && !line.startsWith('//') && !line.startsWith('#!')) throw new Error(`${path}: a line that begins no statement: ${line}`);
  }
  end();
  return statements;
}

/** The .d.ts file that a specifier means; a package's name stays as it is. */
function targetOf(path, specifier) {
  if (!specifier.startsWith('.')) return specifier;
  return join(dirname(path), specifier).replace(/\.js$/, '.d.ts');
}

const isOurs = (module) => module.endsWith('.d.ts');

/** Where a name that a module exports is declared; undefined when it has no such export. */
function declarationOf(load, path, name) {
  if (!isOurs(path) || name === '*') return { module: path, name };
  const module = load(path);
  const found = module.exported.get(name);
  if (found === undefined) return module.stars.map((star) => declarationOf(load, star, name)).find((there) => there !== undefined);
  return found.module === path && module.declared.has(found.name) ? found : declarationOf(load, found.module, found.name);
}

/** Every name that a module exports, `export *` included, with where it is declared; those of `export * as x` as `x.name`. */
function exportsOf(load, path) {
  const module = load(path);
  const all = new Map();
  for (const star of module.stars.filter(isOurs)) for (const [name, at] of exportsOf(load, star)) all.set(name, at);
  for (const [name, { module: from, name: there }] of module.exported) {
    if (there === '*' && isOurs(from)) for (const [member, at] of exportsOf(load, from)) all.set(`${name}.${member}`, at);
    else {
      const at = from === path ? { module: from, name: there } : declarationOf(load, from, there);
      if (at === undefined) throw new Error(`${path} exports ${name}, which ${from} does not have`);
      all.set(name, at);
    }
  }
  return all;
}

/** The names of this package that declarations mention, where they are declared. */
function mentionsOf(load, { module: path, name }) {
  const module = load(path);
  const code = (module.declared.get(name) ?? []).map((part) => part.code).join('\n').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
  const found = [];
  const inline = code.replace(INLINE, (_all, from, there) => {
    found.push(declarationOf(load, targetOf(path, from), there));
    return '';
  });
  const bare = inline.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '""');
  // Not the name of a property or a parameter, nor the member of something.
  for (const [, word] of bare.matchAll(/(?<![\w$.#])([A-Za-z_$][\w$]*)(?![\w$]|\??:)/g)) {
    const from = module.imported.get(word);
    if (from !== undefined && isOurs(from.module)) found.push(declarationOf(load, from.module, from.name));
    else if (from === undefined && word !== name && module.declared.has(word)) found.push({ module: path, name: word });
  }
  return found.filter((at) => at !== undefined && isOurs(at.module) && at.name !== '*');
}

const keyOf = ({ module, name }) => `${module}#${name}`;
const byName = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** One declaration as the report shows it: docs and code of all that has the name, without a class's private parts and without places. */
function shown(load, at) {
  const parts = load(at.module).declared.get(at.name);
  if (parts === undefined) throw new Error(`${at.module} does not declare ${at.name}`);
  return parts.map(({ doc, code }) => [doc, code.replace(/^ +(?:#private;|private .*;)\n/gm, '').replace(INLINE, '$2')].filter((text) => text !== '').join('\n')).join('\n');
}

/**
 * The reports by file name. `root` is the folder of the compiled package: `public/ENTRY.d.ts` below it is an entry each.
 * Beside them `internal.api.txt` has what no entry exports and a declaration of one mentions, however far: a change there
 * is a change of the API as well.
 */
export function apiReports(root) {
  const load = modulesBelow(root);
  const entries = readdirSync(join(root, 'public')).filter((file) => file.endsWith('.d.ts')).sort(byName).map((file) => file.slice(0, -'.d.ts'.length));
  const exported = new Map(entries.map((entry) => [entry, exportsOf(load, `public/${entry}.d.ts`)]));
  const open = [...exported.values()].flatMap((names) => [...names.values()]).filter(({ module }) => isOurs(module));
  const known = new Set(open.map(keyOf));
  const internal = new Map();
  while (open.length > 0) {
    for (const at of mentionsOf(load, open.pop())) {
      if (known.has(keyOf(at))) continue;
      known.add(keyOf(at));
      internal.set(keyOf(at), at);
      open.push(at);
    }
  }
  // What several entries export is shown once, where schemas and types are.
  const shared = new Map([...(exported.get(SHARED) ?? [])].map(([name, at]) => [keyOf(at), name]));
  const reports = new Map(entries.map((entry) => [`${entry}.api.txt`, reportOf(load, entry, exported.get(entry), entry === SHARED ? new Map() : shared)]));
  const inside = [...internal.values()].map((at) => `(internal) ${at.name}\n${shown(load, at)}`).sort(byName);
  reports.set(`${INTERNAL}.api.txt`, page('Names that no entry exports and that declarations of entries mention. Made by npm run docs:api.', inside));
  return reports;
}

function reportOf(load, entry, names, shared) {
  const parts = [...names].sort(([a], [b]) => byName(a, b)).map(([name, at]) => {
    if (!isOurs(at.module)) return `${name} of ${at.module}`;
    if (shared.has(keyOf(at))) return `${name}: ${shared.get(keyOf(at))} of modelferry/${SHARED}`;
    return `${name.split('.').at(-1) === at.name ? name : `${name} (declared as ${at.name})`}\n${shown(load, at)}`;
  });
  return page(`What modelferry/${entry} exports. Made by npm run docs:api.`, parts);
}

const page = (head, parts) => `${[head, ...parts].join('\n\n')}\n`;

/** The exported names that have no doc comment, as `entry: name`. */
export function undocumented(root) {
  const load = modulesBelow(root);
  return readdirSync(join(root, 'public'))
    .filter((file) => file.endsWith('.d.ts'))
    .flatMap((file) =>
      [...exportsOf(load, `public/${file}`)]
        .filter(([, at]) => isOurs(at.module) && load(at.module).declared.get(at.name)?.every(({ doc }) => doc === ''))
        .map(([name]) => `${file.replace(/\.d\.ts$/, '')}: ${name}`),
    );
}

/** Names that the reports list as internal. */
export const internalNames = (reports) => [...(reports.get(`${INTERNAL}.api.txt`) ?? '').matchAll(/^\(internal\) (.+)$/gm)].map(([, name]) => name);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
  if (!existsSync(at('dist/public'))) throw new Error('dist/public is missing: run npm run build first');
  await rm(at('docs/api'), { recursive: true, force: true });
  await mkdir(at('docs/api'));
  for (const [file, text] of apiReports(at('dist'))) await writeFile(at(`docs/api/${file}`), text);
}
