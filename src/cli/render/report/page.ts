import { auditSection } from './audit.js';
import { dataSection } from './data.js';
import { decisionsSection } from './decisions.js';
import { pageHead } from './head.js';
import { html } from './html.js';
import type { ReportInput } from './input.js';
import type { Section } from './layout.js';
import { paritySection } from './parity.js';
import { qualitySection } from './quality.js';
import { digestsSection, releaseSection } from './release.js';
import { stagesSection } from './stages.js';
import { jobsSection, notesSection } from './story.js';
import { STYLE } from './style.js';
import { timelineSection } from './timeline.js';
import { trainingSection } from './training.js';

const SECTIONS: readonly ((input: ReportInput) => Section)[] = [timelineSection, stagesSection, trainingSection, dataSection, qualitySection, auditSection, paritySection, decisionsSection, notesSection, jobsSection, releaseSection, digestsSection];

export interface Page {
  html: string;
  /** The ids of the sections that have something to show, in their order. */
  sections: string[];
}

/** Nothing is loaded and nothing runs: not even a text that got past the escaping could do either. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A run as one HTML page that needs nothing else. Pure: the same input is the same page. */
export function renderReport(input: ReportInput): Page {
  const { view } = input;
  const sections = SECTIONS.map((section) => section(input));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${view.model} ${view.version}: report of ${view.run}</title>
${STYLE}
</head>
<body>
<svg class="defs" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-ground" width="7" height="7"/><rect class="hatch-line" width="2.5" height="7"/></pattern><pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse"><circle class="dots-dot" cx="3" cy="3" r="1.1"/></pattern></defs></svg>
<main>
${pageHead(input)}
<nav aria-label="Sections">${sections.map(({ id, title, filled }) => html`<a href="#${id}" class="${filled ? '' : 'empty'}">${title}</a>`)}</nav>
${sections.map(({ id, title, body, filled }) => html`<section id="${id}" class="${filled ? '' : 'empty'}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2><div>${body}</div></section>\n`)}<footer>Made by <code>ferry report</code> from the run’s own state and the evidence in its store. The page itself is not signed: what counts are the digests on it.</footer>
</main>
</body>
</html>
`;
  return { html: page.text, sections: sections.filter(({ filled }) => filled).map(({ id }) => id) };
}
