import type { ReleaseRecord } from '../../../engines/evidence/collect.js';
import { html, type Markup } from './html.js';
import type { ReportInput } from './input.js';
import { evidenceSection, facts, table, type Section } from './layout.js';
import { digest, size, time } from './words.js';

/** What was published, and the record that says what it rests on. */
export function releaseSection({ view, state, evidence }: ReportInput): Section {
  const { release } = view;
  const title = 'Release';
  if (state === undefined) return { id: 'release', title, filled: false, body: html`<p class="muted">Without a worker a release is not known.</p>` };
  if (release === null && evidence.release.state === 'absent') return { id: 'release', title, filled: false, body: html`<p class="muted">Nothing to show: the run has released nothing.</p>` };
  const record = evidenceSection({ id: 'release', title, finding: evidence.release, body: recordBody });
  const ref = release === null ? html`` : facts([['Reference', html`<code class="full">${release.ref}</code>`], ['Digest', html`<code class="full">${release.digest}</code>`], ['To check it', html`<code class="command">ferry release verify --run ${view.run}</code>`]]);
  return { id: 'release', title, filled: release !== null || record.filled, body: html`${ref}${record.body}` };
}

function recordBody({ approval, artifacts, oci }: ReleaseRecord): Markup {
  const manifest = (name: string): string | undefined => (name === 'model' ? oci?.model : oci?.evidence[name]);
  return html`${table(
    'What the record says was released, and on what evidence',
    [{ title: 'Artifact' }, { title: 'Kind' }, { title: 'Digest in the store' }, { title: 'OCI manifest' }],
    Object.entries(artifacts).map(([name, ref]) => {
      const of = manifest(name);
      return [name, ref.kind, digest(ref.digest), of === undefined ? '' : digest(of)];
    }),
  )}${table(
    `Approvals of the record, which publish proved from the server’s history; identity ${approval.identity}, not signed`,
    [{ title: 'Who' }, { title: 'Role' }, { title: 'Verdict' }, { title: 'When' }, { title: 'Reason', text: true }],
    approval.decisions.map((d) => [d.approver, d.role, d.verdict, time(d.at), d.reason]),
  )}`;
}

/** Every digest of the run in full: also on paper, where nothing opens. */
export function digestsSection({ view, state }: ReportInput): Section {
  const outputs = view.stages.flatMap(({ name, outputs: made }) => Object.entries(made).map(([output, ref]) => [output, name, size(ref.bytes), html`<code>${ref.digest}</code>`]));
  const given = Object.entries(state?.inputs ?? {}).map(([name, ref]) => [name, 'given to the run', size(ref.bytes), html`<code>${ref.digest}</code>`]);
  const spec = state === undefined ? [] : [['run spec', 'what was asked for', '', html`<code>${state.specDigest}</code>`]];
  const bound = Object.values(state?.gates ?? {}).flatMap(({ id, digests }) => Object.entries(digests).map(([name, value]) => [name, `what ${id} is bound to`, '', html`<code>${value}</code>`]));
  const release = view.release === null ? [] : [['release', 'its manifest in the layout', '', html`<code>${view.release.digest}</code>`]];
  const rows = [...spec, ...given, ...outputs, ...bound, ...release];
  if (rows.length === 0) return { id: 'digests', title: 'Digests', filled: false, body: html`<p class="muted">Nothing to show: no digest is known.</p>` };
  return { id: 'digests', title: 'Digests', filled: true, body: table('Digests in full, to compare with what is held elsewhere; those of artifacts are what ferry artifact show takes', [{ title: 'What' }, { title: 'From' }, { title: 'Size', right: true }, { title: 'Digest' }], rows) };
}
