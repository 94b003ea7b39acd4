// Fleet: where each vehicle is and what it does now, what is wrong or due with it; the ones that need a look stand first.
import { html, useChange, useLoad } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { alerts, ranked } from '../lib/alerts.js';
import { useSecond } from '../lib/clock.js';
import { zoneOf } from '../lib/facility.js';
import { age, duration, measure } from '../lib/format.js';
import { renewal } from '../lib/live.js';
import { go, here, href, refine, route } from '../lib/route.js';
import { sentence } from '../lib/sentence.js';
import { api } from '../lib/api.js';
import { useBeat } from '../lib/beat.js';
import { Severity, rank } from '../parts/severity.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

export const STATES = ['driving', 'idling', 'parked', 'silent', 'none'];

export function Fleet() {
  useChange(alerts);
  useChange(renewal);
  const { query } = route.value;
  const branch = query.branch ?? '';
  const turn = useBeat(10_000);
  const load = useLoad(`fleet ${branch} ${turn} ${renewal.value}`, (signal) => api.fleet(branch, signal));
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const { vehicles } = load.data;
  if (!vehicles.length) return html`<${Panel} title=${t('view.fleet')}><${Empty} title=${t('fleet.empty')}>${t('fleet.emptyWords')}</${Empty}></${Panel}>`;
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const shown = vehicles.filter((one) => (!query.state || one.state === query.state) && words.every((part) => `${one.id} ${one.plate} ${Object.values(one.name).join(' ')}`.toLowerCase().includes(part)))
    .sort((a, b) => rank(a.worst ?? '') - rank(b.worst ?? ''));
  const note = STATES.map((state) => [state, vehicles.filter((one) => one.state === state).length]).filter(([, n]) => n).map(([state, n]) => `${n} ${word('fleetstate', state)}`).join(' · ');
  return html`<${Panel} title=${t('view.fleet')} note=${note} more=${html`<a class="link" href=${href('rules', '', { pack: 'fleet' })}>${t('fleet.rules')}</a>`}>
    <div class="bar"><input type="search" aria-label=${t('list.filter')} placeholder=${t('list.filter')} value=${query.q ?? ''} onInput=${(event) => refine({ q: event.currentTarget.value || undefined })} />
      <select aria-label=${t('points.state')} value=${query.state ?? ''} onChange=${(event) => refine({ state: event.currentTarget.value || undefined })}><option value="">${t('points.anyState')}</option>${STATES.map((state) => html`<option key=${state} value=${state}>${word('fleetstate', state)}</option>`)}</select></div>
    ${!shown.length ? html`<${Empty} title=${t('list.noMatch')}>${t('list.noMatchWords')} <a class="link" href=${here({ q: undefined, state: undefined })}>${t('list.clear')}</a></${Empty}>` : html`<div class="scroll-x"><table class="fleet">
      <thead><tr><th>${t('fleet.vehicle')}</th><th>${t('points.state')}</th><th class="num wide-only">${t('fleet.away')}</th><th class="num wide-only">${t('fleet.fuel')}</th><th class="num">${t('fleet.today')}</th><th class="num wide-only">${t('fleet.odometer')}</th><th class="num wide-only">${t('points.age')}</th></tr></thead>
      <tbody>${shown.map((one) => html`<${Row} key=${one.id} vehicle=${one} />`)}</tbody></table></div>`}
  </${Panel}>`;
}

/** What it does now; speed and silence stand with it, an approval where it is known. @param {{vehicle: any}} props */
export function VehicleState({ vehicle }) {
  const at = useSecond();
  const { state } = vehicle;
  const quiet = state === 'silent' || state === 'none';
  const more = state === 'driving' ? speedWords(vehicle.speed) : state === 'silent' && vehicle.newest ? duration(at - vehicle.newest) : '';
  return html`<span class=${quiet ? 'value stale' : 'value'}>${quiet && html`<span class="hollow"></span>`}${word('fleetstate', state)}${more && more !== '–' ? html` <span class="note">${more}</span>` : ''}</span>${vehicle.approved !== null && html` <span class="verdict">${t(vehicle.approved ? 'fleet.approved' : 'fleet.unapproved')}</span>`}`;
}

export const speedWords = (/** @type {number | null} */ speed) => measure(speed, { unit: 'm/s', metric: 'speed' });
export const kilometres = (/** @type {number | null | undefined} */ m) => measure(m, { unit: 'm', metric: 'odometer' });
/** The tank, or the battery of a vehicle without one. @param {any} vehicle */
export const levelWords = ({ fuel, soc }) => measure(fuel ?? soc, { unit: 'ratio' });
/** How far from home. @param {number | null} m */
export const awayWords = (m) => (m === null ? '–' : m < 150 ? t('fleet.home') : measure(m, { unit: 'm' }));

function Row({ vehicle }) {
  const at = useSecond();
  const address = href('fleet', vehicle.id);
  const wrong = ranked(vehicle.key);
  return html`<tr class=${wrong.length ? 'row' : 'row ack'} data-vehicle=${vehicle.id} onClick=${(event) => event.target.closest('a') || go(address)}>
    <td class="wrap says"><div class="what">${wrong.length ? html`<${Severity} of=${wrong[0].severity} />` : html`<span class="sev"></span>`}<div><b><a href=${address}><bdi>${named(vehicle.name) || vehicle.id}</bdi></a> <small class="note"><bdi>${vehicle.plate}</bdi></small></b>
      <span class="why"><bdi>${wrong.length ? sentence(wrong[0], zoneOf(wrong[0])) : t('fleet.fine')}</bdi>${wrong.length > 1 ? ` ${t('fleet.more', { n: wrong.length - 1 })}` : ''}</span></div></div></td>
    <td><${VehicleState} vehicle=${vehicle} /></td>
    <td class="num wide-only">${awayWords(vehicle.away)}</td><td class="num wide-only">${levelWords(vehicle)}</td>
    <td class="num">${kilometres(vehicle.today)}</td><td class="num wide-only">${kilometres(vehicle.odometer)}</td>
    <td class="num age wide-only">${vehicle.newest ? age(at - vehicle.newest) : '–'}</td></tr>`;
}
