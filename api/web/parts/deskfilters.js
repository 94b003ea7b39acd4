// The filters of the desk; all of them stand in the address, so that a link opens the same list.
import { html } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { named } from '../lib/i18n.js';
import { nodeOf } from '../lib/facility.js';
import { here, refine } from '../lib/route.js';
import { SEVERITIES } from './severity.js';

export const STATES = ['open', 'waiting', 'resolved'];
/** The orders of a list, the usual one first. @param {string} state */
export const sortsOf = (state) => (state === 'resolved' ? ['since', 'cost', 'rank'] : ['rank', 'cost', 'since']);
const HUMANS = ['unacknowledged', 'acknowledged', 'assigned', 'in_progress', 'closed'];
const DELIVERIES = ['deliverable', 'inhibited', 'shelved', 'maintenance', 'chattering'];
/** The filters that stand behind "more". */
const MORE = ['human', 'delivery', 'rule', 'kind', 'equip', 'assignee'];
export const FILTERS = ['q', 'severity', ...MORE];

/** @param {{state: string, query: Record<string, string>, pool: any[]}} props pool: what the choices are taken from */
export function DeskFilters({ state, query, pool }) {
  const set = MORE.filter((name) => query[name]);
  return html`<div class="bar">
    <span class="choice" role="group" aria-label=${t('alerts.state')}>${STATES.map((name) => html`<a key=${name} href=${here({ state: name === 'open' ? undefined : name })} aria-current=${state === name ? 'true' : null}>${t(`alerts.state.${name}`)}</a>`)}</span>
    <${Pick} name="severity" query=${query} any=${t('alerts.anySeverity')} label=${t('alerts.severity')} of=${SEVERITIES.map((one) => [one, t(`sev.${one}`)])} />
    <${Pick} name="sort" query=${query} label=${t('alerts.sort')} of=${sortsOf(state).map((one, i) => [i ? one : '', t(`alerts.sort.${one}`)])} />
    <input type="search" aria-label=${t('list.filter')} placeholder=${t('list.filter')} value=${query.q ?? ''} onInput=${(event) => refine({ q: event.currentTarget.value || undefined })} />
    <details class="more-filters" open=${set.length > 0}><summary>${t('alerts.more')}${set.length ? ` (${set.length})` : ''}</summary><div>
      <${Pick} name="human" query=${query} any=${t('alerts.anyHuman')} label=${t('alerts.human')} of=${HUMANS.map((one) => [one, t(`event.${one}`)])} />
      <${Pick} name="delivery" query=${query} any=${t('alerts.anyDelivery')} label=${t('alerts.delivery')} of=${DELIVERIES.map((one) => [one, t(`delivery.${one}`)])} />
      <${Pick} name="kind" query=${query} any=${t('alerts.anyKind')} label=${t('alerts.kind')} of=${values(pool, 'kind', query).map((one) => [one, word('rulekind', one)])} />
      <${Pick} name="rule" query=${query} any=${t('alerts.anyRule')} label=${t('alert.rule')} of=${values(pool, 'rule', query).map((one) => [one, one])} />
      <${Pick} name="equip" query=${query} any=${t('alerts.anyEquip')} label=${t('kind.equip')} of=${values(pool, 'equip', query).map((one) => [one, named(nodeOf(`equip:${one}`)?.name) || one])} />
      <${Pick} name="assignee" query=${query} any=${t('alerts.anyAssignee')} label=${t('alerts.assignee')} of=${values(pool, 'assigned_to', query, 'assignee').map((one) => [one, one])} />
      ${set.length > 0 && html`<a class="link" href=${here(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}>${t('list.clear')}</a>`}
    </div></details>
  </div>`;
}

/** A select that writes itself into the address. */
function Pick({ name, query, any, label, of }) {
  return html`<select aria-label=${label} value=${query[name] ?? ''} onChange=${(event) => refine({ [name]: event.currentTarget.value || undefined })}>
    ${any && html`<option value="">${any}</option>`}${of.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select>`;
}

/** The values of a field among the alerts, and the one asked for. */
const values = (pool, field, query, name = field) => [...new Set([...pool.map((alert) => alert[field]), query[name]].filter(Boolean))].sort();

/** Whether an open alert passes. @param {any} alert @param {Record<string, string>} query @param {(alert: any) => string} text */
export function passes(alert, query, text) {
  const facts = { severity: alert.severity, human: alert.human, delivery: alert.delivery, rule: alert.rule, kind: alert.kind, equip: alert.equip, assignee: alert.assigned_to };
  for (const [name, fact] of Object.entries(facts)) if (query[name] && query[name] !== fact) return false;
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const said = text(alert).toLowerCase();
  return words.every((word) => said.includes(word));
}
