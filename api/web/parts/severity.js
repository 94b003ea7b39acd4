// The four severities: colour and shape and word, so that nobody needs to see colour.
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';

export const SEVERITIES = ['critical', 'high', 'medium', 'low'];
/** @param {string} severity 0 = worst */
export const rank = (severity) => {
  const at = SEVERITIES.indexOf(severity);
  return at < 0 ? SEVERITIES.length : at;
};

const SHAPES = {
  critical: html`<path d="M4.4 1h4.2L12 4.4v4.2L8.6 12H4.4L1 8.6V4.4z" fill="var(--critical)" />`,
  high: html`<path d="M6.5 1 12.5 12H.5z" fill="var(--high)" />`,
  medium: html`<path d="M6.5 .8 12.2 6.5 6.5 12.2.8 6.5z" fill="none" stroke="var(--medium)" stroke-width="1.6" />`,
  low: html`<circle cx="6.5" cy="6.5" r="4.6" fill="none" stroke="var(--low)" stroke-width="1.6" />`,
};

/** @param {{of: string, big?: boolean, silent?: boolean}} props silent: the word stands beside it */
export function Severity({ of, big, silent }) {
  const label = t(`sev.${of}`);
  return silent
    ? html`<svg class=${big ? 'sev big' : 'sev'} viewBox="0 0 13 13" aria-hidden="true">${SHAPES[of]}</svg>`
    : html`<svg class=${big ? 'sev big' : 'sev'} viewBox="0 0 13 13" role="img" aria-label=${label}><title>${label}</title>${SHAPES[of]}</svg>`;
}

/** Shape and word. @param {{of: string}} props */
export const SeverityWord = ({ of }) => html`<span class="sevword"><${Severity} of=${of} silent />${t(`sev.${of}`)}</span>`;

/** The worst severity below a node and how many open alerts. @param {{worst?: string | null, n: number}} props */
export function Worst({ worst, n }) {
  if (!n || !worst) return null;
  return html`<span class="worst"><${Severity} of=${worst} /><span>${n}</span></span>`;
}
