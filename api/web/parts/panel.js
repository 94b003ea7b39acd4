// A titled box; an empty view; what is shown while loading or after a failure.
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';

/** @param {{title: any, note?: any, more?: any, class?: string, children?: any, level?: 1 | 2}} props */
export function Panel({ title, note, more, children, class: extra = '' }) {
  return html`<section class=${`panel ${extra}`}>
    <div class="title"><h2>${title}</h2>${note && html`<small>${note}</small>`}${more && html`<span class="more">${more}</span>`}</div>
    ${children}
  </section>`;
}

/** What would appear here, and how to make it appear. @param {{title: string, children?: any}} props */
export const Empty = ({ title, children }) => html`<div class="empty"><b>${title}</b>${children}</div>`;

/** @param {{load: {data: any, error?: Error, loading: boolean, reload?: () => void}}} props */
export function Pending({ load }) {
  if (load.error) {
    return html`<div class="empty" role="alert"><b>${t('load.failed')}</b>${load.error.message}${' '}
      ${load.reload && html`<button class="link" onClick=${load.reload}>${t('load.again')}</button>`}</div>`;
  }
  return load.data === undefined ? html`<div class="empty" role="status">${t('load.waiting')}</div>` : null;
}
