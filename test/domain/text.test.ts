import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { escapeMarkdown, oneLine, shellQuote } from '../../src/domain/text.js';

describe('one line of text', () => {
  it.each([
    ['line breaks of every kind', 'a\r\nb\u2028c\u2029d\u0085e', 'a b c d e'],
    ['terminal escapes', 'a\u001b[31mb', 'a [31mb'],
    ['bidirectional overrides and isolates', 'a\u202eb\u2066c\u061cd', 'a b c d'],
    ['zero-width characters', 'a\u200bb\u200dc\ufeffd\u2060e\u00adf\u180eg', 'a b c d e f g'],
    ['characters that show nothing', 'a\u3164b\u115fc\u034fd\u{e0041}e', 'a b c d e'],
    ['half a character', 'a\ud83db', 'a b'],
    ['the end of a text', 'a\n\n', 'a'],
  ])('has no %s', (_what, text, line) => {
    expect(oneLine(text, 100)).toBe(line);
  });

  it('keeps every script and sign that people write', () => {
    for (const text of ['模型已批准', 'Zoë', 'данные', 'نموذج', '👍 ok', 'a — b']) expect(oneLine(text, 100)).toBe(text);
  });

  it('is at most as long as asked, and never ends in half a character', () => {
    expect(oneLine('abcdef', 6)).toBe('abcdef');
    expect(oneLine('abcdefg', 6)).toBe('abcde…');
    for (let max = 2; max < 12; max++) expect(oneLine('😀'.repeat(10), max)).not.toMatch(/[\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff][\udc00-\udfff])/);
  });
});

describe('escaped Markdown', () => {
  it.each([
    ['a heading', '# Approved by everyone', '\\# Approved by everyone'],
    ['a link', '[click](https://evil.example)', '\\[click\\]\\(https\\://evil\\.example\\)'],
    ['a bare address', 'see https://evil.example or www.evil.example', 'see https\\://evil\\.example or www\\.evil\\.example'],
    ['an image', '![x](y)', '\\!\\[x\\]\\(y\\)'],
    ['HTML', '<img src=x onerror=alert(1)>', '&lt;img src=x onerror=alert\\(1\\)&gt;'],
    ['an entity', '&lt;b&gt;', '&amp;lt;b&amp;gt;'],
    ['a code fence', '``` js', '\\`\\`\\` js'],
    ['emphasis', '**bold** _it_ ~~no~~', '\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~'],
    ['a cell of a table', 'a | b', 'a \\| b'],
    ['its own escapes', '\\*', '\\\\\\*'],
    ['a second line', 'a\n- b\n\n# c', 'a \\- b \\# c'],
  ])('shows %s as it is', (_what, text, shown) => {
    expect(escapeMarkdown(text)).toBe(shown);
  });

  it('is bounded before it is escaped, so that no escape is cut in two', () => {
    expect(escapeMarkdown('*'.repeat(600), 10)).toBe(`${'\\*'.repeat(9)}…`);
  });
});

describe('a quoted argument', () => {
  it('is what a shell reads as the very same text', () => {
    const hostile = ['plain', "it's", '$(touch /tmp/x)', '`id`', 'a b', '', '"', '\\', '*', '!x', '\n', '{"a": "b"}', '-n', '~'];
    const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${hostile.map(shellQuote).join(' ')}`], { encoding: 'utf8' });
    expect(printed.split('\0').slice(0, -1)).toEqual(hostile);
  });

  it('has no quotes where it needs none', () => {
    expect(shellQuote('run-1')).toBe('run-1');
    expect(shellQuote('~')).toBe("'~'");
  });
});
