// One alert: the sentence, why we think so and what to check first, the evidence drawn with its limit and the episode shaded,
// what it is about, what happened before, and the chain of who was told and who acted.
import { html, useChange, useEffect, useLoad, useMemo } from '../lib/html.js';
import { known, named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { acknowledge, alerts, isWaiting } from '../lib/alerts.js';
import { looking, pathOf, zoneOf } from '../lib/facility.js';
import { duration, exact, moment, since } from '../lib/format.js';
import { now, useSecond } from '../lib/clock.js';
import { go, href, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { tell } from '../lib/say.js';
import { RATES } from '../lib/units.js';
import { amounts, lasted, sentence } from '../lib/sentence.js';
import { Severity } from '../parts/severity.js';
import { Panel, Pending } from '../parts/panel.js';
import { History } from '../parts/history.js';
import { Value, Age } from '../parts/value.js';

/** @param {{id: string}} props */
export function AlertView({ id }) {
  useChange(alerts);
  const live = alerts.value.get(id);
  // a new statement about the alert brings new events
  const load = useLoad(`${id} ${live?.condition ?? ''} ${live?.human ?? ''}`, (signal) => api.alert(id, signal));
  const alert = load.data && { ...load.data, ...live };
  useEffect(() => looking.set(alert?.node ?? ''), [alert?.node]);
  useKeys({ a: () => alert && isWaiting(alert) && void act(id, load.reload), Escape: () => go(href('alerts')) });
  if (!alert) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const zone = zoneOf(alert);
  return html`<${Lede} alert=${alert} zone=${zone} act=${() => void act(id, load.reload)} />
    <div class="cols">
      <div class="stack"><${Evidence} alert=${alert} zone=${zone} /><${Before} alert=${alert} zone=${zone} /></div>
      <div class="stack"><${Facts} alert=${alert} zone=${zone} /><${Chain} events=${load.data.events} alert=${alert} zone=${zone} /></div>
    </div>`;
}

async function act(id, reload) {
  try {
    await acknowledge([id]);
    tell(t('alerts.acked', { n: 1 }));
    reload();
  } catch (error) {
    tell(t('act.failed', { why: /** @type {Error} */ (error).message }));
  }
}

function Lede({ alert, zone, act: acknowledgeIt }) {
  useSecond();
  const why = named(alert.why);
  const check = named(alert.check);
  return html`<section class="panel lede">
    <h1><${Severity} of=${alert.severity} big /><bdi>${sentence(alert, zone)}</bdi></h1>
    <p>${why ? html`<bdi>${why}</bdi> ` : `${plainly(alert)} `}${check && html`<b>${t('alert.check')}</b> <bdi>${check}</bdi>`}</p>
    <div class="acts">${isWaiting(alert) && alert.condition === 'firing'
      ? html`<button class="button main-act" onClick=${acknowledgeIt}>${t('act.acknowledge')}<kbd>a</kbd></button>`
      : html`<span class="note">${alert.condition === 'resolved' ? t('alert.over', { when: moment(alert.resolved, zone), v: duration(lasted(alert)) }) : t('alert.taken', { who: alert.acknowledged_by || t('human.somebody'), when: alert.acknowledged_at ? since(alert.acknowledged_at, zone, now()) : '' })}</span>`}
      <a class="button" href=${href('alerts')}>${t('alert.list')}</a></div>
  </section>`;
}

/** Why, where the rule gives no words of its own. @param {any} alert */
function plainly(alert) {
  const { value, worst, limit } = amounts(alert);
  const key = `why.${alert.kind}`;
  return known(key) ? t(key, { value, worst, limit, v: duration(lasted(alert)) }) : t('why.other', { rule: alert.rule });
}

function Evidence({ alert, zone }) {
  const point = alert.latest[0];
  const end = alert.resolved ?? now();
  const within = useMemo(() => {
    const lead = Math.max(3_600_000, Math.min(86_400_000, (end - alert.since) * 0.75));
    return { from: Math.round(alert.since - lead), to: Math.round(end + (alert.resolved ? lead / 2 : lead * 0.06)) };
  }, [alert.since, alert.resolved]);
  const limits = useMemo(() => (point && alert.limit !== null && sameUnit(alert, point) ? [{ value: alert.limit, label: t('alert.limitAt', { v: amounts(alert).limit }) }] : []), [point?.id, alert.limit]);
  const shades = useMemo(() => [{ from: alert.since, to: end, severity: alert.severity, label: t('alert.shade', { when: since(alert.since, zone, now()) }) }], [alert.since, alert.resolved]);
  if (!point) return html`<section class="panel"><div class="empty">${t('alert.noPoint')}</div></section>`;
  return html`<${History} title=${html`${t('alert.evidence')} <a class="link" href=${href('point', point.id)}><bdi>${named(point.name) || point.id}</bdi></a>`} point=${point} zone=${zone} query=${route.value.query} limits=${limits} shades=${shades} within=${within} />`;
}

/** A limit is drawn only on a chart of the same quantity: seconds of silence and changes an hour are not the value. */
const sameUnit = (alert, point) => alert.kind !== 'stale' && alert.kind !== 'rate' && (point.nature !== 'counter' || point.unit in RATES);

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
    [t('alert.rule'), html`<bdi>${alert.rule}</bdi> · ${word('rulekind', alert.kind)}`],
    ...Object.entries(alert.evidence ?? {}).filter(([key, v]) => v !== null && typeof v !== 'object' && !['unit', 'first'].includes(key)).map(([key, v]) => [word('evidence', key), evidenceText(key, v, zone)]),
  ].filter(Boolean);
  return html`<${Panel} title=${t('alert.facts')}><dl class="facts">${rows.map(([name, words]) => html`<dt>${name}</dt><dd>${words}</dd>`)}</dl></${Panel}>`;
}

function evidenceText(key, value, zone) {
  if (/(_at|_since)$/.test(key) && typeof value === 'number') return exact(value > 1e15 ? value / 1e6 : value, zone);
  if (key.endsWith('_ns')) return duration(value / 1e6);
  if (typeof value === 'number') return String(Math.abs(value) < 1e6 ? Number(value.toPrecision(4)) : Math.round(value));
  if (typeof value === 'boolean') return t(value ? 'state.yes' : 'state.no');
  return String(value);
}

function Path({ alert }) {
  return html`${pathOf(alert).map((node, i) => html`${i ? ' › ' : ''}<a class="link" href=${href('places', '', { branch: node.key })}><bdi>${named(node.name) || node.id}</bdi></a>`)}`;
}

/** Who was told and who acted. @param {{events: any[], alert: any, zone: string}} props */
function Chain({ events, alert, zone }) {
  const open = alert.condition !== 'resolved';
  return html`<${Panel} title=${t('chain.title')}><ol class="chain">
    ${events.map((event) => html`<li key=${event.id} class="done">${since(event.at, zone, now())} ${word('event', event.what)}${event.by ? html` · <bdi>${event.by}</bdi>` : ''}${event.comment ? html`<span><bdi>${event.comment}</bdi></span>` : ''}</li>`)}
    ${open && isWaiting(alert) && html`<li>– ${t('chain.waiting')}<span>${t('chain.waitingWords')}</span></li>`}
    ${open && html`<li>– ${t('chain.clears')}<span>${t('chain.clearsWords')}</span></li>`}
  </ol></${Panel}>`;
}

/** Earlier episodes of the same rule on the same target. */
function Before({ alert, zone }) {
  if (!alert.similar.length) return null;
  return html`<${Panel} title=${t('before.title')} note=${t('before.note')}><table><tbody>${alert.similar.map((other) => html`<tr key=${other.id} class="row" onClick=${() => go(href('alerts', other.id))}>
    <td><a class="link" href=${href('alerts', other.id)}>${moment(other.since, zone)}</a></td><td class="num">${duration(lasted(other))}</td><td class="num">${amounts(other).worst}</td><td class="wide-only wrap"><bdi>${other.acknowledged_by || ''}</bdi></td></tr>`)}</tbody></table></${Panel}>`;
}
