// One rule: why it exists, its table and where its limits come from, what it watches and cannot watch, its episodes over time, and
// the form that tries it (or a changed version of it) over the past before it is switched on.
import { html, useChange, useEffect, useLoad, useMemo } from '../lib/html.js';
import { language, named, t, word } from '../lib/i18n.js';
import { alerts } from '../lib/alerts.js';
import { firstZone, looking } from '../lib/facility.js';
import { count, duration, moment } from '../lib/format.js';
import { desk } from '../lib/desk.js';
import { now } from '../lib/clock.js';
import { renewal } from '../lib/live.js';
import { go, here, href, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { lasted, sentence } from '../lib/sentence.js';
import { perDay } from '../lib/cost.js';
import { said } from '../lib/said.js';
import { useSources } from '../lib/sources.js';
import { outline } from '../lib/tables.js';
import { Verdict } from '../parts/deskrow.js';
import { Severity, SeverityWord } from '../parts/severity.js';
import { Timeline } from '../parts/timeline.js';
import { TryIt } from '../parts/tryit.js';
import { Empty, Panel, Pending } from '../parts/panel.js';
import { counted, left } from './rules.js';

const SPANS = { '7d': 7, '30d': 30, '90d': 90, '365d': 365 };
const DAY = 86_400_000;
/** Told in words elsewhere on the page. */
const WORDS = new Set(['title', 'why', 'check', 'source', 'id', 'kind', 'severity']);

/** @param {{id: string}} props */
export function RuleView({ id }) {
  useChange(alerts);
  useChange(renewal);
  const rules = useLoad(`rules ${renewal.value}`, (signal) => desk.rules(signal));
  useEffect(() => looking.set(''), [id]);
  useKeys({ Escape: () => go(href('rules')), t: () => document.querySelector('.tryit input')?.focus() });
  const rule = rules.data?.find((one) => one.id === id);
  useEffect(() => {
    if (rule && route.value.query.tab === 'try') document.querySelector('.tryit')?.scrollIntoView();
  }, [Boolean(rule)]);
  if (!rules.data) return html`<section class="panel"><${Pending} load=${rules} /></section>`;
  if (!rule) return html`<section class="panel"><h1 class="sr">${id}</h1><${Empty} title=${t('rule.gone', { id })}>${t('rule.goneWords')} <a class="link" href=${href('rules')}>${t('view.rules')}</a></${Empty}></section>`;
  return html`<section class="panel lede"><h1><${Severity} of=${rule.severity} big /><bdi>${rule.id}</bdi> <small>${word('rulekind', rule.kind)}</small></h1>
      <p>${named(rule.why) ? html`<bdi>${outline(named(rule.why))}</bdi> ` : ''}${named(rule.check) && html`<b>${t('alert.check')}</b> <bdi>${outline(named(rule.check))}</bdi>`}</p>
      ${rule.about && language.value === 'en' && html`<p class="note"><bdi>${rule.about}</bdi></p>`}</section>
    <div class="cols">
      <div class="stack"><${Episodes} rule=${rule} /><${TryIt} rule=${rule} /></div>
      <div class="stack"><${Facts} rule=${rule} /><${Unjudged} rule=${rule} /></div>
    </div>`;
}

function Facts({ rule }) {
  const source = useSources();
  const firing = counted().get(rule.id) ?? 0;
  const table = Object.entries(rule.definition).filter(([key]) => !WORDS.has(key));
  return html`<${Panel} title=${t('rule.facts')}><dl class="facts">
    <dt>${t('alerts.severity')}</dt><dd><${SeverityWord} of=${rule.severity} /></dd>
    <dt>${t('rules.pack')}</dt><dd>${rule.pack || t('rules.own')}</dd>
    <dt>${t('rules.targets')}</dt><dd>${rule.targets ? count(rule.targets) : left(rule) ? '–' : t('rules.nothing')}</dd>
    <dt>${t('rules.firing')}</dt><dd>${firing ? html`<a class="link" href=${href('alerts', '', { rule: rule.id })}>${count(firing)}</a>` : '–'}</dd>
    <dt>${t('rule.source')}</dt><dd><bdi>${source(rule.source) || '–'}</bdi></dd>
    <dt>${t('rule.where')}</dt><dd><code><bdi>${rule.where || '–'}</bdi></code></dd>
    <dt>${t('rule.says')}</dt><dd><code><bdi>${named(rule.title) || '–'}</bdi></code></dd></dl>
    <div class="title sub"><h2>${t('rule.definition')}</h2></div>
    <dl class="facts code">${table.map(([key, value]) => html`<dt><code>${key}</code></dt><dd><code><bdi>${typeof value === 'string' ? value : JSON.stringify(value)}</bdi></code></dd>`)}</dl></${Panel}>`;
}

function Unjudged({ rule }) {
  if (!rule.not_applicable.length) return null;
  return html`<${Panel} title=${t('rules.unjudged')} note=${t('rule.unjudgedNote')}><ul class="quiet">${rule.not_applicable.map((one) => html`<li key=${one.reason}><div class="pad-y"><b>${count(one.count)}</b> <bdi>${said(one)}</bdi>
    <span class="why"><bdi>${one.targets.slice(0, 6).join(', ')}${one.count > 6 ? ' …' : ''}</bdi></span></div></li>`)}</ul></${Panel}>`;
}

/** The episodes of the rule, on a timeline and as a list. */
function Episodes({ rule }) {
  const { query } = route.value;
  const span = query.span in SPANS ? query.span : '30d';
  const firing = counted().get(rule.id) ?? 0;
  const load = useLoad(`${rule.id} ${firing} ${renewal.value}`, (signal) => desk.list({ rule: rule.id, condition: ['firing', 'resolved'], folded: true, limit: 500 }, signal).then((page) => page.alerts));
  const { from, to, shown } = useMemo(() => {
    const end = now();
    const start = end - SPANS[span] * DAY;
    return { from: start, to: end, shown: (load.data ?? []).filter((alert) => (alert.resolved ?? end) > start) };
  }, [load.data, span]);
  const zone = firstZone();
  return html`<${Panel} title=${t('rule.episodes')} note=${load.data ? t('alerts.note', { n: shown.length }) : ''}
    more=${html`<span class="choice" role="group" aria-label=${t('history.range')}>${Object.keys(SPANS).map((key) => html`<a key=${key} href=${here({ span: key === '30d' ? undefined : key })} aria-current=${span === key ? 'true' : null}>${t('time.d', { v: SPANS[key] })}</a>`)}</span>`}>
    ${!load.data ? html`<${Pending} load=${load} />` : !shown.length ? html`<${Empty} title=${t('rule.noEpisode')}>${t('rule.noEpisodeWords')}</${Empty}>` : html`
      <${Timeline} alerts=${shown} from=${from} to=${to} zone=${zone} />
      <div class="scroll-x"><table><thead><tr><th>${t('before.when')}</th><th>${t('alerts.what')}</th><th class="num">${t('alerts.lasted')}</th><th class="num wide-only">${t('alerts.cost')}</th><th class="wide-only">${t('field.verdict')}</th></tr></thead><tbody>${shown.slice(0, 12).map((alert) => html`<tr key=${alert.id} class="row" data-episode=${alert.id} onClick=${(event) => event.target.closest('a') || go(href('alerts', alert.id))}>
        <td>${moment(alert.since, zone)}</td><td class="wrap"><a class="link" href=${href('alerts', alert.id)}><bdi>${sentence(alert, zone)}</bdi></a></td><td class="num">${duration(lasted(alert))}</td><td class="num wide-only">${perDay(alert)}</td><td class="wide-only">${alert.label === null ? '–' : html`<${Verdict} alert=${alert} />`}</td></tr>`)}</tbody></table></div>
      ${shown.length > 12 && html`<div class="bar"><a class="link" href=${href('alerts', '', { rule: rule.id, state: 'resolved' })}>${t('now.more', { n: shown.length - 12 })}</a></div>`}`}
  </${Panel}>`;
}
