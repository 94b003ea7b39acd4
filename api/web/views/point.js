// One point: what it says now, its history, where it hangs, how it comes here, and what is wrong with it.
import { html, useChange, useEffect, useLoad } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { alerts } from '../lib/alerts.js';
import { burden } from '../lib/alerts.js';
import { facility, looking, zoneOf } from '../lib/facility.js';
import { duration, exact, measure } from '../lib/format.js';
import { go, href, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { useValue } from '../lib/values.js';
import { useSecond } from '../lib/clock.js';
import { AlertRow } from '../parts/alertrow.js';
import { History } from '../parts/history.js';
import { Panel, Pending } from '../parts/panel.js';
import { Age, Value, isStale } from '../parts/value.js';
import { Tree } from '../parts/tree.js';

/** @param {{id: string}} props */
export function PointView({ id }) {
  useChange(alerts);
  const load = useLoad(id, (signal) => api.point(id, signal));
  const point = load.data;
  const { nodes, roots, root } = facility.value;
  useEffect(() => looking.set(point?.node ?? ''), [point?.node]);
  useKeys({ Escape: () => go(href('places')) });
  if (!point) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const zone = zoneOf(point);
  const mine = [...alerts.value.values()].filter((alert) => alert.points.includes(id));
  return html`<div class="split">
    <${Panel} class="side wide-only" title=${t('tree.title')} note=${t('tree.note')}><${Tree} nodes=${nodes} roots=${roots} chosen=${point.node || root} burden=${burden()} choose=${(key) => go(href('places', '', { branch: key === root ? '' : key }))} /></${Panel}>
    <div class="stack">
      <${Face} point=${point} zone=${zone} />
      ${mine.length > 0 && html`<${Panel} title=${t('point.wrong')}><table><tbody>${mine.map((alert) => html`<${AlertRow} key=${alert.id} alert=${alert} />`)}</tbody></table></${Panel}>`}
      <${History} point=${point} zone=${zone} query=${route.value.query} />
      <${About} point=${point} zone=${zone} />
    </div>
  </div>`;
}

/** The value, large, with all that belongs to it. */
function Face({ point, zone }) {
  const latest = useValue(point.id);
  const now = useSecond();
  const state = !latest?.at ? 'none' : latest.state === 2 ? 'dead' : isStale(point, latest, now) ? 'stale' : 'fresh';
  return html`<section class="panel lede"><h1><bdi>${named(point.name) || point.id}</bdi></h1>
    <div class="face">
      <span class="big"><${Value} point=${point} /></span>
      <span><span class="label">${t('points.age')}</span><${Age} point=${point} zone=${zone} /> <span class="note">${latest?.at ? exact(latest.at, zone) : ''}</span></span>
      <span><span class="label">${t('point.quality')}</span>${latest?.at ? t(`quality.${['good', 'uncertain', 'bad'][latest.quality]}`) : '–'}</span>
      <span><span class="label">${t('points.state')}</span>${t(`points.state.${state}`)}</span>
    </div></section>`;
}

function About({ point, zone }) {
  const rows = [
    [t('point.id'), html`<span class="topic">${point.id}</span>`],
    [t('points.metric'), `${word('metric', point.metric)} · ${t(`nature.${point.nature}`)}`],
    [t('point.interval'), duration(point.interval)],
    point.low !== null || point.high !== null ? [t('point.valid'), `${measure(point.low, point)} – ${measure(point.high, point)}`] : null,
    point.role ? [t('point.role'), point.role] : null,
    point.device ? [t('kind.device'), html`<a class="link" href=${href('devices', point.device)}><bdi>${point.device}</bdi></a>`] : null,
    point.format ? [t('point.from'), html`<span class="topic">${point.format} · ${point.address}${point.field ? ` · ${point.field}` : ''}</span>`] : null,
    [t('point.zone'), zone],
  ].filter(Boolean);
  return html`<${Panel} title=${t('point.about')}><dl class="facts">${rows.map(([name, words]) => html`<dt>${name}</dt><dd>${words}</dd>`)}</dl></${Panel}>`;
}
