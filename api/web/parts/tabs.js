// The parts of a view with several: of the alert desk its list, the calendar of silence and the log of notices; of the reports the
// months and the suppliers' bills.
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { href, route } from '../lib/route.js';

const Tabs = ({ names, label }) => html`<nav class="choice tabs" aria-label=${label}>${names.map(([name, text]) => html`<a key=${name} href=${href(name)} aria-current=${route.value.view === name ? 'page' : null}>${text}</a>`)}</nav>`;

export const DeskTabs = () => html`<${Tabs} label=${t('desk.tabs')} names=${['alerts', 'calendar', 'notices'].map((name) => [name, t(`desk.tab.${name}`)])} />`;
export const ReportTabs = () => html`<${Tabs} label=${t('reports.tabs')} names=${[['reports', t('reports.months')], ['bills', t('view.bills')]]} />`;
