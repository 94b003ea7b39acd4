// The rail at the left (bottom bar on a phone): the views that exist, how many alerts wait, whether the page is live.
import { html, useChange, useEffect } from '../lib/html.js';
import { LANGUAGES, language, t } from '../lib/i18n.js';
import { chooseLanguage } from '../lib/settings.js';
import { href, route } from '../lib/route.js';
import { useSecond } from '../lib/clock.js';
import { age } from '../lib/format.js';
import { facility, hasVehicles } from '../lib/facility.js';
import { connection } from '../lib/live.js';
import { waiting, worstOf } from '../lib/alerts.js';
import { alerts } from '../lib/alerts.js';
import { Icon } from './icons.js';

/** Every view that exists; nothing is promised that is not there. */
export const VIEWS = ['now', 'places', 'energy', 'alerts', 'fleet', 'meters', 'devices', 'rules', 'reports', 'settings'];
/** Which rail entry an address belongs to. */
export const HOME = { point: 'places', ledger: 'energy', calendar: 'alerts', notices: 'alerts', bills: 'reports' };

export function Rail() {
  useChange(route);
  useChange(alerts);
  useChange(facility);
  const views = VIEWS.slice(0, -1).filter((view) => view !== 'fleet' || hasVehicles());
  const current = HOME[route.value.view] ?? route.value.view;
  useEffect(() => document.querySelector('.rail [aria-current=page]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [current]);
  // on a phone the bar scrolls: the view that is shown stays in sight
  useEffect(() => document.querySelector('.rail a[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [current]);
  const open = waiting();
  const worst = worstOf(open);
  return html`<nav class="rail" aria-label=${t('rail.views')}>
    <div class="brand">Steward</div>
    ${views.map((view) => html`<${To} view=${view} current=${current} n=${view === 'alerts' ? open.length : 0} worst=${worst} />`)}
    <div class="gap"></div>
    <${To} view="settings" current=${current} n=${0} />
    <div class="foot"><${Beat} /><${Languages} /></div>
  </nav>`;
}

function To({ view, current, n, worst }) {
  return html`<a class="to" href=${href(view)} aria-current=${view === current ? 'page' : null}>
    <${Icon} name=${view} /><span>${t(`view.${view}`)}</span>
    ${n ? html`<span class=${`n t-${worst}`}>${n}<span class="sr"> ${t('rail.waiting', { n })}</span></span>` : null}
  </a>`;
}

/** Whether values arrive, and how far behind they are. */
function Beat() {
  useChange(connection);
  const now = useSecond();
  const { state, heard, newest } = connection.value;
  const words = state === 'live' ? (newest ? t('live.newest', { v: age(now - newest) }) : t('live.on')) : state === 'connecting' ? t('live.connecting') : t('live.off', { v: age(now - heard) });
  return html`<div class=${state === 'live' ? 'beat' : 'beat off'}>${words}</div>`;
}

function Languages() {
  return html`<div>${Object.entries(LANGUAGES).map(([code, name], i) => html`${i ? ' · ' : ''}<button key=${code} lang=${code} aria-pressed=${language.value === code} onClick=${() => chooseLanguage(code)}>${name}</button>`)}</div>`;
}
