// One alert: the sentence, why we think so and what to check first, what can be done; the evidence drawn with what was expected and
// where it clears; what it costs; what happened before; who was told and who acted.
import { html, useChange, useEffect, useLoad, useState } from '../lib/html.js';
import { known, named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { alerts, isWaiting } from '../lib/alerts.js';
import { costOf, costRows, unpriced } from '../lib/cost.js';
import { looking, pathOf, zoneOf } from '../lib/facility.js';
import { duration, exact, measure, moment, since } from '../lib/format.js';
import { now, useSecond } from '../lib/clock.js';
import { go, href } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { amounts, inUnit, lasted, sentence } from '../lib/sentence.js';
import { ActDialog, actNow } from '../parts/actdialog.js';
import { Chain } from '../parts/chain.js';
import { Evidence } from '../parts/alertevidence.js';
import { MutedBox } from '../parts/muted.js';
import { Severity } from '../parts/severity.js';
import { Similar } from '../parts/similar.js';
import { Panel, Pending } from '../parts/panel.js';
import { Value, Age } from '../parts/value.js';

/** @param {{id: string}} props */
export function AlertView({ id }) {
  useChange(alerts);
  const live = alerts.value.get(id);
  // a new statement about the alert brings new events
  const load = useLoad(`${id} ${live?.condition ?? ''} ${live?.human ?? ''} ${live?.delivery ?? ''} ${live?.comments ?? ''} ${live?.label ?? ''} ${live?.cost ?? ''}`, (signal) => api.alert(id, signal));
  const alert = load.data && { ...load.data, ...live };
  const [dialog, setDialog] = useState('');
  useEffect(() => looking.set(alert?.node ?? ''), [alert?.node]);
  const acts = alert ? actsOf(alert) : [];
  const act = (/** @type {string} */ name) => (name === 'acknowledge' || name === 'start' ? void actNow(name, [id]).then(load.reload) : setDialog(name));
  useKeys({ ...Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [key, () => acts.includes(name) && act(name)])), Escape: () => go(href('alerts')) });
  if (!alert) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const zone = zoneOf(alert);
  return html`<${Lede} alert=${alert} zone=${zone} acts=${acts} act=${act} />
    <div class="cols">
      <div class="stack"><${Evidence} alert=${alert} zone=${zone} /><${Similar} alert=${alert} zone=${zone} /></div>
      <div class="stack"><${Cost} alert=${alert} /><${Chain} events=${load.data.events} alert=${alert} zone=${zone} /><${Facts} alert=${alert} zone=${zone} /></div>
    </div>
    ${dialog && html`<${ActDialog} act=${dialog} ids=${[id]} zone=${zone} onClose=${() => setDialog('')} onDone=${load.reload} />`}`;
}

const KEYS = { acknowledge: 'a', assign: 'w', start: 'o', shelve: 's', close: 'c', label: 'l', comment: 'm' };

/** What can be done now: what fires is not closed, what is closed takes words and a verdict only. @param {any} alert */
function actsOf(alert) {
  const over = alert.condition === 'resolved';
  const closed = alert.human === 'closed';
  return Object.keys(KEYS).filter((name) => {
    if (name === 'acknowledge') return isWaiting(alert);
    if (name === 'start') return !closed && alert.human !== 'in_progress';
    if (name === 'shelve') return !over;
    if (name === 'close') return over && !closed;
    return name !== 'assign' || !closed;
  });
}

function Lede({ alert, zone, acts, act }) {
  useSecond();
  const why = named(alert.why);
  const check = named(alert.check);
  const over = alert.condition === 'resolved';
  return html`<section class="panel lede">
    <h1><${Severity} of=${alert.severity} big /><bdi>${sentence(alert, zone)}</bdi></h1>
    <p>${why ? html`<bdi>${why}</bdi> ` : `${plainly(alert)} `}<${Counterfactual} alert=${alert} />${check && html`<b>${t('alert.check')}</b> <bdi>${check}</bdi>`}</p>
    <${MutedBox} alert=${alert} />
    <div class="acts">${acts.map((name, i) => html`<button key=${name} class=${i === 0 && name === 'acknowledge' ? 'button main-act' : 'button'} onClick=${() => act(name)}>${t(`act.${name}`)}<kbd>${KEYS[name]}</kbd></button>`)}
      <span class="note">${over ? t('alert.over', { when: moment(alert.resolved, zone), v: duration(lasted(alert)) }) : ''}${alert.human === 'closed' ? ` ${t('human.closedBy', { who: alert.closed_by || t('human.somebody') })}` : !isWaiting(alert) ? ` ${taken(alert, zone)}` : ''}</span></div>
  </section>`;
}

/** Who has it. */
const taken = (alert, zone) => (alert.assigned_to
  ? t('alert.assigned', { who: alert.assigned_to, state: t(`event.${alert.human}`) })
  : t('alert.taken', { who: alert.acknowledged_by || t('human.somebody'), when: alert.acknowledged_at ? since(alert.acknowledged_at, zone, now()) : '' }));

/** What would have to be so for it not to fire. */
function Counterfactual({ alert }) {
  const { counterfactual, clear_at: clears } = alert.evidence ?? {};
  if (counterfactual) return html`<bdi>${named(counterfactual)}</bdi> `;
  return typeof clears === 'number' && alert.condition === 'firing' ? html`${t('alert.wouldClear', { v: inUnit(alert, clears) })} ` : null;
}

/** Why, where the rule gives no words of its own. @param {any} alert */
function plainly(alert) {
  const { value, worst, limit } = amounts(alert);
  const key = `why.${alert.kind}`;
  return known(key) ? t(key, { value, worst, limit, v: duration(lasted(alert)) }) : t('why.other', { rule: alert.rule });
}

/** What it costs; a dash with the reason where nobody has priced it. */
function Cost({ alert }) {
  const rows = costRows(alert);
  const basis = costOf(alert)?.basis;
  const source = basis?.register || basis?.gauge;
  return html`<${Panel} title=${t('cost.title')}><dl class="facts" data-cost=${rows.length}>
    ${rows.length ? rows.map(([name, words]) => html`<dt>${name}</dt><dd>${words}</dd>`) : html`<dt>${t('cost.money')}</dt><dd>–</dd>`}
    ${source && html`<dt>${t('cost.basis')}</dt><dd><a class="link" href=${href('point', source)}><bdi>${source}</bdi></a></dd>`}
    ${basis?.how && html`<dt>${t('cost.counts')}</dt><dd>${wasteOf(basis, costOf(alert))}</dd>`}
    <dt>${t('alert.rule')}</dt><dd><a class="link" href=${href('rules', alert.rule)}><bdi>${alert.rule}</bdi></a> · <a class="link" href=${href('rules', alert.rule, { tab: 'try' })}>${t('cost.try')}</a></dd>
  </dl>${!rows.length && html`<p class="note under">${unpriced(alert)}</p>`}</${Panel}>`;
}

/** How the cost follows from the consumption. */
const wasteOf = (basis, cost) => t(`waste.${basis.how}`, { v: measure(basis.level, { unit: typeof cost.volume === 'number' ? 'm3/s' : 'W', metric: typeof cost.volume === 'number' ? 'flow' : 'power' }) });

function Facts({ alert, zone }) {
  useSecond();
  const { value, worst, limit } = amounts(alert);
  const point = alert.latest[0];
  const rows = [
    [alert.resolved ? t('alerts.lasted') : t('alert.lasted'), duration(lasted(alert))],
    [t('alert.since'), exact(alert.since, zone)],
    alert.fired && [t('alert.fired'), exact(alert.fired, zone)],
    point ? [t('alert.value'), html`<${Value} point=${point} /> <${Age} point=${point} zone=${zone} />`] : [t('alert.value'), value],
    [t('alert.worst'), worst],
    alert.limit !== null && [t('alert.limit'), limit],
    [t('alert.where'), html`<${Path} alert=${alert} />`],
    [t('alert.kind'), word('rulekind', alert.kind)],
    alert.episodes > 1 && [t('alert.episodes'), t('alert.episodesN', { n: alert.episodes })],
    typeof alert.label === 'boolean' && [t('field.verdict'), html`${t(`label.${alert.label}`)} · <bdi>${alert.label_by}</bdi>`],
  ].filter(Boolean);
  return html`<${Panel} title=${t('alert.facts')}><dl class="facts">${rows.map(([name, words]) => html`<dt>${name}</dt><dd>${words}</dd>`)}</dl></${Panel}>`;
}

function Path({ alert }) {
  return html`${pathOf(alert).map((node, i) => html`${i ? ' › ' : ''}<a class="link" href=${href('places', '', { branch: node.key })}><bdi>${named(node.name) || node.id}</bdi></a>`)}`;
}
