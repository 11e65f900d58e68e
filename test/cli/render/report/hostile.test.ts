import { describe, expect, it } from 'vitest';
import { html } from '../../../../src/cli/render/report/html.js';
import { renderReport } from '../../../../src/cli/render/report/page.js';
import type { Evidence } from '../../../../src/engines/evidence/collect.js';
import type { RunState } from '../../../../src/domain/run-state.js';
import { textOf, unbalanced } from './check.js';
import { EVIDENCE, RELEASED, digest, inputOf } from './kit.js';

/** Each ends a tag, an attribute, a comment or a style if it gets through as it is. */
const ATTACKS = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onload='alert(1)", '</title></style></svg><script>x</script>', '--><!-- ]]>', '&lt;b&gt; [x](javascript:alert(1)) **bold**', '\u202egnp.exe'];
const EVIL = ATTACKS.join(' ');

/** Every text in a value, keys of free mappings included, made evil; what has a form of its own stays. */
function poison<T>(value: T, key = ''): T {
  if (typeof value === 'string') {
    const hasForm = /^(?:sha256:|\d{4}-\d\d-\d\dT|oci:)/.test(value) || /^(?:state|status|verdict|value|schema|kind|name|server|backend|stage|key|id|runUid|file|gate|code|route|onExpiry|identity)$/.test(key);
    return (hasForm ? value : `${value}${EVIL}`) as T;
  }
  if (Array.isArray(value)) return value.map((inner: unknown) => poison(inner, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const free = key === 'figures' || key === 'bar' || key === 'bounds';
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [free ? `${name}${EVIL}` : name, name === 'order' ? inner : poison(inner, name)])) as T;
}

describe('a text from people, logs or files', () => {
  const state: RunState = { ...poison(RELEASED), order: RELEASED.order };
  const evidence = { ...poison(EVIDENCE), dataset: { state: 'unreadable' as const, problem: EVIL, digest: digest('1'), file: EVIL } } satisfies Evidence;
  const page = renderReport(inputOf({ ...state, notes: [{ at: RELEASED.startedAt, stage: EVIL, text: EVIL }], model: EVIL, version: EVIL }, evidence)).html;

  it('stays text wherever it stands', () => {
    // Whatever remains of an attack as markup would be a tag or an attribute that the page itself has nowhere.
    const tags = page.replace(/="[^"]*"/g, '').match(/<[a-z][^>]*>/gi) ?? [];
    expect(tags.filter((tag) => /^<(?:script|img|b)\b|\son[a-z]+/i.test(tag))).toEqual([]);
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    expect(unbalanced(page)).toEqual([]);
    expect(page.match(/&lt;script&gt;alert\(1\)/g)?.length).toBeGreaterThan(40);
  });

  it('is shown as it is, without what turns it around', () => {
    expect(textOf(page)).toContain('&lt;b&gt; [x](javascript:alert(1)) **bold**');
    expect(page.includes('\u202e')).toBe(false);
  });
});

describe('a template', () => {
  it('escapes text in content and between quotes, takes markup as it is, and lists one after another', () => {
    expect(html`<a title="${`"'<&>`}">${'<b>'}${html`<i>${1}</i>`}${[html`<u/>`, '&']}</a>`.text).toBe('<a title="&quot;&#39;&lt;&amp;&gt;">&lt;b&gt;<i>1</i><u/>&amp;</a>');
  });

  it('has nothing for what is not there', () => {
    expect(html`${undefined}${null}${false}${0}${''}`.text).toBe('0');
  });

  it('takes no object that only looks like markup', () => {
    expect(() => html`${{ text: '<b>' } as unknown as string}`).toThrow(TypeError);
  });
});
