// The parts of the alert desk: the list, the calendar of silence, the log of notices.
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { href, route } from '../lib/route.js';

const TABS = ['alerts', 'calendar', 'notices'];

export const DeskTabs = () => html`<nav class="choice tabs" aria-label=${t('desk.tabs')}>${TABS.map((name) => html`<a key=${name} href=${href(name)} aria-current=${route.value.view === name ? 'page' : null}>${t(`desk.tab.${name}`)}</a>`)}</nav>`;
