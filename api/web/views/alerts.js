// The list of alerts, ranked: filters in the address, keys j k x a Enter, several acknowledged at once.
import { html, useChange, useEffect, useLoad, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { acknowledge, alerts, alertsLoaded, byRank, isWaiting, ranked } from '../lib/alerts.js';
import { inBranch } from '../lib/facility.js';
import { go, href, here, refine, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { tell } from '../lib/say.js';
import { about, sentence } from '../lib/sentence.js';
import { zoneOf } from '../lib/facility.js';
import { SEVERITIES } from '../parts/severity.js';
import { Empty, Panel, Pending } from '../parts/panel.js';
import { AlertRow } from '../parts/alertrow.js';

const STATES = ['open', 'waiting', 'resolved'];

export function Alerts() {
  useChange(alerts);
  useChange(alertsLoaded);
  const { query } = route.value;
  const state = STATES.includes(query.state) ? query.state : 'open';
  const past = useLoad(state === 'resolved' ? `resolved ${query.branch ?? ''}` : '', (signal) => api.resolvedAlerts(query.branch, signal));
  const open = ranked(query.branch);
  const pool = state === 'resolved' ? (past.data ?? []).filter((a) => inBranch(a, query.branch)) : state === 'waiting' ? open.filter(isWaiting) : open;
  const list = filtered(pool, query).sort(state === 'resolved' ? (a, b) => b.resolved - a.resolved : byRank);
  const [at, setAt] = useState(-1);
  const [picked, setPicked] = useState(() => /** @type {Set<string>} */ (new Set()));
  const chosen = list[Math.min(at, list.length - 1)];
  const toggle = (id) => setPicked((old) => { const next = new Set(old); next.delete(id) || next.add(id); return next; });
  const act = () => done(picked.size ? [...picked] : chosen ? [chosen.id] : [], list).then(() => setPicked(new Set()));
  useKeys({
    j: () => setAt(Math.min(list.length - 1, at + 1)), k: () => setAt(Math.max(0, at - 1)),
    Enter: () => chosen && go(href('alerts', chosen.id)), a: () => void act(), x: () => chosen && toggle(chosen.id), Escape: () => { setPicked(new Set()); setAt(-1); },
  });
  useEffect(() => document.querySelector('tr.picked')?.scrollIntoView({ block: 'nearest' }), [at]);
  const ids = list.filter(isWaiting).map((alert) => alert.id);
  return html`<${Panel} title=${t('view.alerts')} note=${t('alerts.note', { n: list.length })}>
    <${Filters} state=${state} query=${query}>
      ${state !== 'resolved' && html`<button class="button" disabled=${!picked.size && !chosen} onClick=${() => void act()}>${picked.size > 1 ? t('alerts.ackMany', { n: picked.size }) : t('act.acknowledge')}<kbd>a</kbd></button>`}
    </${Filters}>
    ${state === 'resolved' && !past.data ? html`<${Pending} load=${past} />` : !list.length ? html`<${Nothing} state=${state} query=${query} />` : html`
    <div class="scroll-x"><table class="alerts"><thead><tr>
        ${state !== 'resolved' && html`<th><input type="checkbox" aria-label=${t('alerts.all')} checked=${ids.length > 0 && ids.every((id) => picked.has(id))} disabled=${!ids.length} onChange=${(event) => setPicked(new Set(event.currentTarget.checked ? ids : []))} /></th>`}
        <th>${t('alerts.what')}</th><th class="wide-only">${t('alerts.severity')}</th><th class="num">${state === 'resolved' ? t('alerts.lasted') : t('alerts.since')}</th><th class="num wide-only">${t('alerts.now')}</th><th class="num wide-only">${t('alerts.limit')}</th><th class="wide-only">${t('alerts.who')}</th></tr></thead>
      <tbody>${list.map((alert, index) => html`<${AlertRow} key=${alert.id} alert=${alert} picked=${index === at} wide
        check=${state !== 'resolved' && html`<td><input type="checkbox" aria-label=${t('alerts.pick', { what: sentence(alert, zoneOf(alert)) })} checked=${picked.has(alert.id)} onClick=${(event) => event.stopPropagation()} onChange=${() => toggle(alert.id)} /></td>`} />`)}</tbody></table></div>`}
  </${Panel}>`;
}

/** @param {string[]} ids @param {any[]} list */
async function done(ids, list) {
  const waiting = ids.filter((id) => list.some((alert) => alert.id === id && isWaiting(alert)));
  if (!waiting.length) return;
  try {
    await acknowledge(waiting);
    tell(t('alerts.acked', { n: waiting.length }));
  } catch (error) {
    tell(t('act.failed', { why: /** @type {Error} */ (error).message }));
  }
}

/** @param {any[]} list @param {Record<string, string>} query */
function filtered(list, query) {
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  return list.filter((alert) => {
    if (query.severity && alert.severity !== query.severity) return false;
    if (query.kind && alert.kind !== query.kind) return false;
    if (!words.length) return true;
    const text = `${sentence(alert, '')} ${about(alert)} ${alert.target} ${alert.rule}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function Filters({ state, query, children }) {
  return html`<div class="bar">
    <span class="choice" role="group" aria-label=${t('alerts.state')}>${STATES.map((name) => html`<a key=${name} href=${here({ state: name === 'open' ? undefined : name })} aria-current=${state === name ? 'true' : null}>${t(`alerts.state.${name}`)}</a>`)}</span>
    <select aria-label=${t('alerts.severity')} value=${query.severity ?? ''} onChange=${(event) => refine({ severity: event.currentTarget.value || undefined })}>
      <option value="">${t('alerts.anySeverity')}</option>${SEVERITIES.map((name) => html`<option key=${name} value=${name}>${t(`sev.${name}`)}</option>`)}</select>
    <input type="search" aria-label=${t('list.filter')} placeholder=${t('list.filter')} value=${query.q ?? ''} onInput=${(event) => refine({ q: event.currentTarget.value || undefined })} />
    <span class="right">${children}</span>
  </div>`;
}

function Nothing({ state, query }) {
  if (!alertsLoaded.value) return html`<${Pending} load=${{ data: undefined, loading: true }} />`;
  if (query.q || query.severity) return html`<${Empty} title=${t('list.noMatch')}>${t('list.noMatchWords')} <a class="link" href=${here({ q: undefined, severity: undefined })}>${t('list.clear')}</a></${Empty}>`;
  return html`<${Empty} title=${t(`alerts.none.${state}`)}>${t('alerts.noneWords')}</${Empty}>`;
}
