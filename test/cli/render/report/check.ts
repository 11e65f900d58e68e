const VOID = new Set(['meta', 'br', 'link', 'img', 'hr', 'input']);

/** What is wrong with a page's tags: one that is closed and was not open, or the other way round; an attribute without quotes. */
export function unbalanced(page: string): string[] {
  const open: string[] = [];
  const problems: string[] = [];
  const body = page.replace(/^<!doctype html>/, '').replace(/<style>[\s\S]*?<\/style>/, '');
  for (const [tag, slash = '', name = '', attributes = '', closed = ''] of body.matchAll(/<(\/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s+[a-zA-Z][a-zA-Z0-9:-]*(?:="[^"<>]*")?)*)\s*(\/?)>|<[^>]*>?/g)) {
    if (name === '') problems.push(`no tag: ${tag.slice(0, 80)}`);
    else if (slash === '/') {
      const last = open.pop();
      if (last !== name) problems.push(`</${name}> where <${last ?? 'nothing'}> is open`);
    } else if (closed === '' && !VOID.has(name)) open.push(name);
    if (/=(?!")/.test(attributes.replace(/"[^"]*"/g, '""'))) problems.push(`without quotes: ${tag.slice(0, 80)}`);
    if (name === 'details' || name === 'div' || name === 'table' || name === 'ul' || name === 'dl') if (slash === '' && open.includes('p')) problems.push(`<${name}> in <p>, which a browser would close`);
  }
  return [...problems, ...open.map((name) => `<${name}> is never closed`)];
}

/** What a reader sees: the text of a page without its tags and its style. */
export const textOf = (page: string): string =>
  page
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<title>[^<]*<\/title>/g, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(lt|gt|amp|quot|#39);/g, (_, name: string) => ({ lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'" })[name] ?? '')
    .replace(/\s+/g, ' ');

/** The content of one section. */
export function sectionOf(page: string, id: string): string {
  const from = page.indexOf(`<section id="${id}"`);
  if (from < 0) throw new Error(`no section ${id}`);
  return page.slice(from, page.indexOf('</section>', from));
}
