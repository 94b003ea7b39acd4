// One device: what it says now, which field is which point, who speaks for whom.
import { html, useChange, useEffect, useLoad } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { age, count, exact } from '../lib/format.js';
import { looking, pathOf, zoneOf } from '../lib/facility.js';
import { useSecond } from '../lib/clock.js';
import { renewal } from '../lib/live.js';
import { go, href } from '../lib/route.js';
import { useBeat } from '../lib/beat.js';
import { useKeys } from '../lib/keys.js';
import { Panel, Pending } from '../parts/panel.js';
import { Age, Value } from '../parts/value.js';
import { Entries } from './quarantine.js';
import { Clock, DeviceState } from './devices.js';

/** @param {{id: string}} props */
export function DeviceView({ id }) {
  useChange(renewal);
  const turn = useBeat(10_000);
  const load = useLoad(`${id} ${turn} ${renewal.value}`, (signal) => api.device(id, signal));
  const kept = useLoad(`kept ${id} ${turn}`, (signal) => api.quarantine({ limit: 1000 }, signal));
  useKeys({ Escape: () => go(href('devices')) });
  const device = load.data;
  useEffect(() => looking.set(device?.node ?? ''), [device?.node]);
  if (!device) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const mine = (kept.data?.entries ?? []).filter((entry) => entry.address === device.address);
  return html`<section class="panel lede"><h1><bdi>${named(device.name) || device.id}</bdi></h1></section>
    <div class="cols">
      <div class="stack"><${Values} device=${device} />${mine.length > 0 && html`<${Panel} title=${t('quarantine.title')} note=${t('quarantine.note', { n: mine.length })}><${Entries} entries=${mine} /></${Panel}>`}</div>
      <${Facts} device=${device} />
    </div>`;
}

function Values({ device }) {
  const zone = zoneOf(device);
  const fields = new Map(device.fields.map((each) => [each.point, each.field]));
  if (!device.values.length) return html`<${Panel} title=${t('devices.points')}><div class="empty">${t('devices.noPoints')}</div></${Panel}>`;
  return html`<${Panel} title=${t('devices.points')} note=${count(device.values.length)}><div class="scroll-x"><table>
    <thead><tr><th>${t('points.name')}</th><th class="wide-only">${t('devices.field')}</th><th class="num">${t('points.value')}</th><th class="num">${t('points.age')}</th></tr></thead>
    <tbody>${device.values.map((point) => html`<tr key=${point.id} class="row" onClick=${() => go(href('point', point.id))}><td class="wrap"><a href=${href('point', point.id)}><bdi>${named(point.name) || point.id}</bdi></a></td><td class="wide-only topic">${fields.get(point.id) ?? ''}</td><td class="num"><${Value} point=${point} /></td><td class="num"><${Age} point=${point} zone=${zone} /></td></tr>`)}</tbody></table></div></${Panel}>`;
}

function Facts({ device }) {
  const at = useSecond();
  const zone = zoneOf(device);
  const link = (id) => html`<a class="link" href=${href('devices', id)}><bdi>${id}</bdi></a>`;
  const rows = [
    [t('points.state'), html`<${DeviceState} device=${device} />`],
    [t('devices.seen'), device.seen ? `${age(at - device.seen)} · ${exact(device.seen, zone)}` : '–'],
    device.dead && [t('devices.died'), exact(device.dead, zone)],
    [t('devices.clock'), html`<${Clock} offset=${device.offset} />`],
    [t('devices.samples'), count(device.samples)],
    [t('point.id'), html`<span class="topic">${device.id}</span>`],
    [t('devices.address'), html`<span class="topic">${device.format} · ${device.address}</span>`],
    device.broker && [t('devices.broker'), html`<bdi>${device.broker}</bdi>`],
    device.template && [t('devices.template'), html`<bdi>${device.template}</bdi>`],
    device.gateway && [t('devices.gateway'), link(device.gateway)],
    device.behind.length && [t('devices.behind'), device.behind.map((id, i) => html`${i ? ', ' : ''}${link(id)}`)],
    [t('alert.where'), pathOf(device).map((node, i) => html`${i ? ' › ' : ''}<a class="link" href=${href('places', '', { branch: node.key })}><bdi>${named(node.name) || node.id}</bdi></a>`)],
  ].filter(Boolean);
  return html`<${Panel} title=${t('devices.about')}><dl class="facts">${rows.map(([name, words]) => html`<dt>${name}</dt><dd>${words}</dd>`)}</dl></${Panel}>`;
}
