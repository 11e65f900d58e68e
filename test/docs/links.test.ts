// The pages lead where they say, and speak of the project alone.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/sources.js';

const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): string[] =>
  [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
const withoutBlocks = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '');

function brokenLinks(page: string, text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^https?:/.test(link)) return [];
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(ROOT, target))) return [`${link}: there is no ${target}`];
    return anchor === undefined || anchorsOf(read(target)).includes(anchor) ? [] : [`${link}: ${target} has no such heading`];
  });
}

/** A path of this repository in backticks: a test, a source, an example. */
const missingPaths = (text: string): string[] =>
  [...text.matchAll(/`((?:src|test|examples|docs|bench|scripts|\.ci)\/[A-Za-z0-9_./-]+)`/g)].flatMap(([, path = '']) => (existsSync(join(ROOT, path)) ? [] : [path]));

const FOREIGN = [
  /\/work\//,
  /\/root\//,
  /\bsessions?\b/i,
  /\bnpmjs\b|\bpypi\.org\b|\bcrates\.io\b|\bdocker\.io\b|\bghcr\.io\b|\bregistry\.[a-z]+\.[a-z]+\b/i,
  // An issue by its number means nothing outside the place where it is kept.
  /(?<![\w/&])#\d+\b|\bissue \d+\b/i,
];
const foreignWords = (text: string): string[] => FOREIGN.flatMap((pattern) => pattern.exec(text)?.[0] ?? []);

describe.each(PAGES)('%s', (page) => {
  it('has no link that leads nowhere', () => {
    expect(brokenLinks(page, read(page))).toEqual([]);
  });

  it('names no file that is not there', () => {
    expect(missingPaths(read(page))).toEqual([]);
  });

  it('speaks of the project alone', () => {
    expect(foreignWords(read(page))).toEqual([]);
  });
});

it.each([
  ['[a](nowhere.md)', 'nowhere.md'],
  ['[a](docs/contract.md#no-such-heading)', 'no-such-heading'],
])('would find that %s leads nowhere', (text, what) => {
  expect(brokenLinks('README.md', text).join()).toContain(what);
});

it.each(['in /work/x', 'an earlier session', 'see issue 5', 'see #12'])('would find: %s', (text) => {
  expect(foreignWords(text)).not.toEqual([]);
});
