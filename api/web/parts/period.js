// The bar above figures: what is metered, how it is grouped, which period, one back and one on. All of it is in the address.
import { html } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { here } from '../lib/route.js';
import { PERIODS, moved } from '../lib/period.js';

/** @param {{name: string, label: string, options: {id: string, text: string}[], chosen: string}} props a choice that writes `name` into the address */
export const Choice = ({ name, label, options, chosen }) => html`<span class="choice" role="group" aria-label=${label}>${options.map(({ id, text }) => html`<a key=${id} href=${here({ [name]: id, from: undefined, to: undefined })} aria-current=${id === chosen ? 'true' : null}>${text}</a>`)}</span>`;

/** @param {{period: import('../lib/period.js').Period, date: string, today: string, title: string}} props */
export function PeriodBar({ period, date, today, title }) {
  const next = moved(period, date, 1);
  return html`<${Choice} name="period" label=${t('energy.period')} chosen=${period} options=${PERIODS.map((id) => ({ id, text: word('period', id) }))} />
    <span class="steps"><a class="button" href=${here({ at: moved(period, date, -1), from: undefined, to: undefined })} aria-label=${t('energy.earlier')}>‹</a>
      <b data-period>${title}</b>
      ${next <= today ? html`<a class="button" href=${here({ at: next, from: undefined, to: undefined })} aria-label=${t('energy.later')}>›</a>` : html`<span class="button" aria-hidden="true">›</span>`}</span>`;
}
