// Rules: what is watched, by which kind, from which pack, how much of it, what fires, and where a rule cannot be judged and why.
import { html, useChange, useEffect, useLoad, useState } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { alerts } from '../lib/alerts.js';
import { count } from '../lib/format.js';
import { desk } from '../lib/desk.js';
import { renewal } from '../lib/live.js';
import { go, here, href, refine, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { said } from '../lib/said.js';
import { gist, outline } from '../lib/tables.js';
import { Severity, rank } from '../parts/severity.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

const STATES = ['all', 'firing', 'partly', 'idle'];

export function Rules() {
  useChange(alerts);
  useChange(renewal);
  const load = useLoad(`rules ${renewal.value}`, (signal) => desk.rules(signal));
  const { query } = route.value;
  const firing = counted();
  const state = STATES.includes(query.state) ? query.state : 'all';
  const list = (load.data ?? []).filter((rule) => passes(rule, query, state, firing)).sort((a, b) => (firing.get(b.id) ?? 0) - (firing.get(a.id) ?? 0) || rank(a.severity) - rank(b.severity) || (a.id < b.id ? -1 : 1));
  const [at, setAt] = useState('');
  const index = list.findIndex((rule) => rule.id === at);
  const move = (by) => list.length && setAt(list[Math.max(0, Math.min(list.length - 1, index < 0 ? 0 : index + by))].id);
  useKeys({ j: () => move(1), k: () => move(-1), Enter: () => index >= 0 && go(href('rules', at)), Escape: () => setAt('') });
  useEffect(() => document.querySelector('tr.picked')?.scrollIntoView({ block: 'nearest' }), [at]);
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  return html`<${Panel} title=${t('view.rules')} note=${t('rules.note', { n: list.length })}>
    <${Filters} state=${state} query=${query} rules=${load.data} />
    ${!load.data.length ? html`<${Empty} title=${t('rules.none')}>${t('rules.noneWords')}</${Empty}>` : !list.length ? html`<${Empty} title=${t('list.noMatch')}>${t('list.noMatchWords')} <a class="link" href=${here({ q: undefined, state: undefined, kind: undefined, pack: undefined })}>${t('list.clear')}</a></${Empty}>` : html`
    <div class="scroll-x"><table class="rules"><thead><tr><th>${t('alert.rule')}</th><th class="wide-only">${t('alert.kind')}</th><th class="wide-only">${t('rules.pack')}</th><th class="num">${t('rules.targets')}</th><th class="num">${t('rules.firing')}</th><th class="wide-only">${t('rules.unjudged')}</th></tr></thead>
      <tbody>${list.map((rule) => html`<${Row} key=${rule.id} rule=${rule} firing=${firing.get(rule.id) ?? 0} at=${rule.id === at} />`)}</tbody></table></div>`}
  </${Panel}>`;
}

/** Rule -> how many of its alerts are open now. */
export function counted() {
  const out = new Map();
  for (const alert of alerts.value.values()) out.set(alert.rule, (out.get(alert.rule) ?? 0) + 1);
  return out;
}

/** How many targets cannot be judged. @param {any} rule */
export const left = (rule) => rule.not_applicable.reduce((sum, one) => sum + one.count, 0);

function passes(rule, query, state, firing) {
  if (query.kind && rule.kind !== query.kind) return false;
  if (query.pack && (rule.pack || 'own') !== query.pack) return false;
  if (state === 'firing' && !firing.get(rule.id)) return false;
  if (state === 'partly' && !left(rule)) return false;
  if (state === 'idle' && rule.targets) return false;
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const said = `${rule.id} ${rule.kind} ${word('rulekind', rule.kind)} ${named(rule.title)} ${named(rule.why)}`.toLowerCase();
  return words.every((part) => said.includes(part));
}

function Filters({ state, query, rules }) {
  const kinds = [...new Set(rules.map((rule) => rule.kind))].sort();
  const packs = [...new Set(rules.map((rule) => rule.pack || 'own'))].sort();
  return html`<div class="bar">
    <span class="choice" role="group" aria-label=${t('rules.state')}>${STATES.map((name) => html`<a key=${name} href=${here({ state: name === 'all' ? undefined : name })} aria-current=${state === name ? 'true' : null}>${t(`rules.state.${name}`)}</a>`)}</span>
    <select aria-label=${t('alert.kind')} value=${query.kind ?? ''} onChange=${(event) => refine({ kind: event.currentTarget.value || undefined })}><option value="">${t('alerts.anyKind')}</option>${kinds.map((kind) => html`<option key=${kind} value=${kind}>${word('rulekind', kind)}</option>`)}</select>
    <select aria-label=${t('rules.pack')} value=${query.pack ?? ''} onChange=${(event) => refine({ pack: event.currentTarget.value || undefined })}><option value="">${t('rules.anyPack')}</option>${packs.map((pack) => html`<option key=${pack} value=${pack}>${pack === 'own' ? t('rules.own') : pack}</option>`)}</select>
    <input type="search" aria-label=${t('list.filter')} placeholder=${t('list.filter')} value=${query.q ?? ''} onInput=${(event) => refine({ q: event.currentTarget.value || undefined })} />
  </div>`;
}

function Row({ rule, firing, at }) {
  const address = href('rules', rule.id);
  const skipped = left(rule);
  const first = rule.not_applicable[0];
  return html`<tr class=${`row${at ? ' picked' : ''}${rule.targets ? '' : ' ack'}`} data-rule=${rule.id} onClick=${(event) => event.target.closest('a') || go(address)}>
    <td class="wrap says"><div class="what"><${Severity} of=${rule.severity} /><div><b><a href=${address}><bdi>${rule.id}</bdi></a></b><span class="why" title=${outline(named(rule.why))}><bdi>${gist(named(rule.why)) || gist(named(rule.check)) || word('rulekind', rule.kind)}</bdi></span></div></div></td>
    <td class="wide-only">${word('rulekind', rule.kind)}</td><td class="wide-only">${rule.pack || t('rules.own')}</td>
    <td class="num">${rule.targets ? count(rule.targets) : '–'}</td>
    <td class="num">${firing ? html`<a class="link" href=${href('alerts', '', { rule: rule.id })}>${count(firing)}</a>` : '–'}</td>
    <td class="wide-only wrap note">${skipped ? html`${count(skipped)}: <bdi>${said(first)}</bdi>${rule.not_applicable.length > 1 ? ' …' : ''}` : rule.targets ? '–' : t('rules.nothing')}</td></tr>`;
}
