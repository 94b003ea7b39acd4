// What could not be used of what devices send: topic and payload as text, why, how often; and addresses that no device has.
import { html, useLoad } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { age, count, exact } from '../lib/format.js';
import { firstZone } from '../lib/facility.js';
import { useSecond } from '../lib/clock.js';
import { here, refine, route } from '../lib/route.js';
import { useBeat } from '../lib/beat.js';
import { said } from '../lib/said.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

export function Quarantine() {
  const { query } = route.value;
  const turn = useBeat(10_000);
  const load = useLoad(`quarantine ${query.reason} ${turn}`, (signal) => api.quarantine({ reason: query.reason, limit: 200 }, signal));
  if (!load.data) return html`<${Panel} title=${t('quarantine.title')}><${Pending} load=${load} /></${Panel}>`;
  const { counts, entries, strangers } = load.data;
  const reasons = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const total = reasons.reduce((sum, [, n]) => sum + n, 0);
  return html`<${Panel} title=${t('quarantine.title')} note=${t('quarantine.note', { n: total })}>
      ${reasons.length > 0 && html`<div class="bar"><select aria-label=${t('quarantine.reason')} value=${query.reason ?? ''} onChange=${(event) => refine({ reason: event.currentTarget.value || undefined })}>
        <option value="">${t('quarantine.anyReason')}</option>${reasons.map(([reason, n]) => html`<option key=${reason} value=${reason}>${word('reason', reason)} (${count(n)})</option>`)}</select>
        ${query.reason && html`<a class="link" href=${here({ reason: undefined })}>${t('list.clear')}</a>`}</div>`}
      ${entries.length ? html`<${Entries} entries=${entries} />` : html`<${Empty} title=${t('quarantine.none')}>${t('quarantine.noneWords')}</${Empty}>`}
    </${Panel}>
    ${strangers.length > 0 && html`<${Strangers} strangers=${strangers} />`}`;
}

/** @param {{entries: any[]}} props */
export function Entries({ entries }) {
  const at = useSecond();
  const zone = firstZone();
  return html`<div class="scroll-x"><table class="kept"><thead><tr><th class="wide-only">${t('quarantine.reason')}</th><th>${t('quarantine.message')}</th><th class="num">${t('quarantine.times')}</th><th class="num">${t('quarantine.last')}</th></tr></thead>
    <tbody>${entries.map((entry, i) => html`<tr key=${i}><td class="wrap reason wide-only"><${Why} entry=${entry} /></td>
      <td class="wrap"><div class="phone-only reason"><${Why} entry=${entry} /></div><div class="topic"><bdi>${entry.topic}</bdi></div><pre class="payload" tabindex="0" aria-label=${t('quarantine.payload')}>${entry.payload}</pre>${entry.encoding === 'base64' && html`<span class="note">${t('quarantine.base64')}</span>`} ${entry.cut && html`<span class="note">${t('quarantine.cut', { n: count(entry.size) })}</span>`}</td>
      <td class="num">${count(entry.count)}</td><td class="num age" title=${entry.last ? exact(entry.last, zone) : null}>${entry.last ? age(at - entry.last) : '–'}</td></tr>`)}</tbody></table></div>`;
}

const Why = ({ entry }) => html`<b>${word('reason', entry.reason)}</b>${entry.detail && html` <span class="note"><bdi>${said({ text: entry.detail, code: entry.code, params: entry.params })}</bdi></span>`}`;

function Strangers({ strangers }) {
  const at = useSecond();
  return html`<${Panel} title=${t('strangers.title')} note=${t('strangers.note')}><div class="scroll-x"><table>
    <thead><tr><th>${t('devices.address')}</th><th>${t('strangers.sends')}</th><th class="num">${t('quarantine.times')}</th><th class="num">${t('quarantine.last')}</th></tr></thead>
    <tbody>${strangers.map((stranger, i) => html`<tr key=${i}><td class="wrap"><div class="topic"><bdi>${stranger.address}</bdi></div><span class="note"><bdi>${[stranger.format, stranger.template, stranger.broker].filter(Boolean).join(' · ')}</bdi></span></td>
      <td class="wrap"><bdi>${Object.entries(stranger.fields).map(([field, value]) => `${field} = ${value}`).join(', ')}</bdi></td><td class="num">${count(stranger.count)}</td><td class="num age">${stranger.last ? age(at - stranger.last) : '–'}</td></tr>`)}</tbody></table></div></${Panel}>`;
}
