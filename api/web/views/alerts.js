// The alert desk: ranked by cost and severity, filters in the address, keys for everything, several acted on at once.
// Open alerts come from the stream and stand still while they are read; what is over is asked of the server.
import { html, useChange, useEffect, useLoad, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { alerts, alertsLoaded, byRank, isWaiting, ranked } from '../lib/alerts.js';
import { underOf, zoneOf } from '../lib/facility.js';
import { desk } from '../lib/desk.js';
import { useHeld } from '../lib/held.js';
import { go, here, href, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { about, sentence } from '../lib/sentence.js';
import { ActDialog, actNow } from '../parts/actdialog.js';
import { DeskFilters, FILTERS, STATES, passes, sortsOf } from '../parts/deskfilters.js';
import { DeskRow } from '../parts/deskrow.js';
import { DeskTabs } from '../parts/tabs.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

/** So many rows are drawn; beyond that nobody reads, and filters help. */
const SHOWN = 300;
const ACTS = { acknowledge: 'a', assign: 'w', shelve: 's', close: 'c', label: 'l', comment: 'm' };

/** @type {Record<string, (a: any, b: any) => number>} */
const ORDER = {
  rank: byRank,
  cost: (a, b) => (b.cost ?? -1) - (a.cost ?? -1) || byRank(a, b),
  since: (a, b) => b.since - a.since || byRank(a, b),
};

export function Alerts() {
  useChange(alerts);
  useChange(alertsLoaded);
  const { query } = route.value;
  const state = STATES.includes(query.state) ? query.state : 'open';
  const sort = sortsOf(state).includes(query.sort) ? query.sort : sortsOf(state)[0];
  // what ends while the list is shown belongs into it
  const past = useLoad(state === 'resolved' ? `${JSON.stringify(asked(query))} ${alerts.value.size}` : '', (signal) => desk.list(asked(query), signal).then((page) => page.alerts));
  const pool = state === 'resolved' ? past.data ?? [] : ranked(query.branch).filter((alert) => state === 'open' || isWaiting(alert));
  const wanted = state === 'resolved' ? pool : pool.filter((alert) => passes(alert, query, words)).sort(ORDER[sort]);
  const view = `${state} ${sort} ${query.branch ?? ''} ${FILTERS.map((name) => query[name] ?? '').join(' ')}`;
  const { rows: all, waiting, touch, release } = useHeld(wanted, view, (id) => (state === 'resolved' ? undefined : alerts.value.get(id)));
  const rows = all.slice(0, SHOWN);
  const picks = usePicks(rows);
  const [dialog, setDialog] = useState('');
  const start = (/** @type {string} */ act) => {
    const ids = picks.ids();
    if (!ids.length) return;
    if (act === 'acknowledge') void actNow('acknowledge', ids.filter((id) => isWaiting(rows.find((row) => row.id === id)))).then((done) => done && picks.clear());
    else setDialog(act);
  };
  useKeys({
    j: () => { touch(); picks.move(1); }, k: () => { touch(); picks.move(-1); },
    Enter: () => picks.at && go(href('alerts', picks.at)), x: () => { touch(); picks.at && picks.toggle(picks.at, false); }, Escape: () => { picks.clear(); picks.leave(); release(); },
    ...Object.fromEntries(actsOf(state).map((act) => [ACTS[act], () => start(act)])),
  });
  useEffect(() => document.querySelector('tr.picked')?.scrollIntoView({ block: 'nearest' }), [picks.at]);
  const zone = rows[0] ? zoneOf(rows[0]) : '';
  return html`<${DeskTabs} /><${Panel} title=${t('view.alerts')} note=${t('alerts.note', { n: all.length })}
      more=${waiting > 0 && html`<button class="link" onClick=${release}>${t('alerts.fresh', { n: waiting })}</button>`}>
    <${DeskFilters} state=${state} query=${query} pool=${pool} />
    <${Acts} n=${picks.count} ready=${picks.ids().length > 0} start=${start} state=${state} />
    ${state === 'resolved' && !past.data ? html`<${Pending} load=${past} />` : !rows.length ? html`<${Nothing} state=${state} query=${query} />` : html`
    <div class="scroll-x" onPointerMove=${touch} onWheel=${touch} onTouchStart=${touch} onFocusIn=${touch}><table class="alerts"><thead><tr>
        <th><input type="checkbox" aria-label=${t(state === 'resolved' ? 'alerts.allShown' : 'alerts.all')} ...${picks.all(state)} /></th>
        <th>${t('alerts.what')}</th>${state === 'resolved' && html`<th class="num">${t('alerts.began')}</th>`}<th class="num">${state === 'resolved' ? t('alerts.lasted') : t('alerts.since')}</th><th class="num wide-only">${t('alerts.cost')}</th><th class="num wide-only">${state === 'resolved' ? t('alert.worst') : t('alerts.now')}</th><th class="wide-only">${t('alerts.who')}</th></tr></thead>
      <tbody>${rows.map((alert) => html`<${DeskRow} key=${alert.id} alert=${alert} over=${state === 'resolved'} at=${alert.id === picks.at} chosen=${picks.has(alert.id)} toggle=${picks.toggle} />`)}</tbody></table></div>
    ${all.length > SHOWN && html`<p class="note under">${t('alerts.first', { n: SHOWN })}</p>`}`}
  </${Panel}>
  ${dialog && html`<${ActDialog} act=${dialog} ids=${picks.ids()} zone=${zone} onClose=${() => setDialog('')} onDone=${() => { picks.clear(); if (state === 'resolved') past.reload(); }} />`}`;
}

/** What the server is asked for what is over. @param {Record<string, string>} query */
const asked = (query) => ({
  condition: 'resolved', under: underOf(query.branch), severity: query.severity, human: query.human, rule: query.rule, kind: query.kind, equip: query.equip,
  assignee: query.assignee, text: query.q, sort: { cost: 'cost', rank: 'severity' }[query.sort] ?? 'since', limit: 300,
});

const words = (/** @type {any} */ alert) => `${sentence(alert, '')} ${about(alert)} ${alert.target} ${alert.rule} ${alert.assigned_to}`;

/** The row on which the keyboard stands, and the rows chosen. @param {any[]} rows */
function usePicks(rows) {
  const [at, setAt] = useState('');
  const [chosen, setChosen] = useState(() => /** @type {Set<string>} */ (new Set()));
  const last = useRef('');
  const here_ = new Set(rows.map((row) => row.id));
  const live = [...chosen].filter((id) => here_.has(id));
  const index = rows.findIndex((row) => row.id === at);
  return {
    at: index >= 0 ? at : '',
    count: live.length,
    has: (/** @type {string} */ id) => chosen.has(id),
    ids: () => (live.length ? live : index >= 0 ? [at] : []),
    move: (/** @type {number} */ by) => rows.length && setAt(rows[Math.max(0, Math.min(rows.length - 1, index < 0 ? 0 : index + by))].id),
    clear: () => setChosen(new Set()),
    leave: () => setAt(''),
    /** reach: everything from the one chosen before */
    toggle: (/** @type {string} */ id, /** @type {boolean} */ reach) => {
      const to = rows.findIndex((row) => row.id === id);
      const from = reach ? rows.findIndex((row) => row.id === last.current) : to;
      last.current = id;
      setChosen((old) => {
        const next = new Set(old);
        const on = !old.has(id);
        for (const row of rows.slice(Math.min(from < 0 ? to : from, to), Math.max(from, to) + 1)) next[on ? 'add' : 'delete'](row.id);
        return next;
      });
    },
    all: (/** @type {string} */ state) => {
      const ids = rows.filter((row) => state === 'resolved' || isWaiting(row)).map((row) => row.id);
      return { checked: ids.length > 0 && ids.every((id) => chosen.has(id)), disabled: !ids.length, onChange: (event) => setChosen(new Set(event.currentTarget.checked ? ids : [])) };
    },
  };
}

/** What still fires can be shelved and not closed; what is over the other way round. @param {string} state */
const actsOf = (state) => Object.keys(ACTS).filter((act) => act !== (state === 'resolved' ? 'shelve' : 'close'));

/** What can be done with the rows chosen. */
function Acts({ n, ready, start, state }) {
  return html`<div class=${`bar acts-bar${ready ? '' : ' idle'}`} role="group" aria-label=${t('desk.acts')}>
    ${actsOf(state).map((act) => html`<button key=${act} class="button" disabled=${!ready} onClick=${() => start(act)}>${act === 'acknowledge' && n > 1 ? t('alerts.ackMany', { n }) : t(`act.${act}`)}<kbd>${ACTS[act]}</kbd></button>`)}
    <span class="note">${n ? t('alerts.chosen', { n }) : t('alerts.hint')}</span></div>`;
}

function Nothing({ state, query }) {
  if (!alertsLoaded.value) return html`<${Pending} load=${{ data: undefined, loading: true }} />`;
  if (FILTERS.some((name) => query[name])) return html`<${Empty} title=${t('list.noMatch')}>${t('list.noMatchWords')} <a class="link" href=${here(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}>${t('list.clear')}</a></${Empty}>`;
  return html`<${Empty} title=${t(`alerts.none.${state}`)}>${t('alerts.noneWords')}</${Empty}>`;
}
