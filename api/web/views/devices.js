// Devices: which speak, how their clocks run, what could not be used of what they send, and how good the data are.
import { html, useChange, useLoad, useState } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { age, count, duration, exact } from '../lib/format.js';
import { placeOf, zoneOf } from '../lib/facility.js';
import { useSecond } from '../lib/clock.js';
import { renewal } from '../lib/live.js';
import { go, here, href, refine, route } from '../lib/route.js';
import { useBeat } from '../lib/beat.js';
import { useKeys } from '../lib/keys.js';
import { Panel, Empty, Pending } from '../parts/panel.js';
import { CLOCK_OFF, offsetWords } from '../parts/quiet.js';
import { DeviceView } from './device.js';
import { Quarantine } from './quarantine.js';
import { DataQuality } from './dataquality.js';
import { Virtual } from '../parts/virtual.js';

const TABS = ['list', 'quarantine', 'quality'];
const STATES = ['seen', 'stale', 'dead', 'never'];

/** @param {{item: string}} props */
export function Devices({ item }) {
  if (item) return html`<${DeviceView} key=${item} id=${item} />`;
  const tab = TABS.includes(route.value.query.tab) ? route.value.query.tab : 'list';
  return html`<nav class="choice tabs" aria-label=${t('devices.tabs')}>${TABS.map((name) => html`<a key=${name} href=${href('devices', '', { tab: name === 'list' ? undefined : name })} aria-current=${tab === name ? 'true' : null}>${t(`devices.tab.${name}`)}</a>`)}</nav>
    ${tab === 'quarantine' ? html`<${Quarantine} />` : tab === 'quality' ? html`<${DataQuality} />` : html`<${List} />`}`;
}

function List() {
  useChange(renewal);
  const { query } = route.value;
  const turn = useBeat(10_000);
  const load = useLoad(`devices ${query.branch} ${query.q} ${query.state} ${turn} ${renewal.value}`, (signal) => api.devices(query.branch, { q: query.q, state: query.state }, signal));
  const kept = useLoad(`rejects ${turn}`, (signal) => api.quarantine({ limit: 1000 }, signal));
  const devices = load.data?.devices ?? [];
  const [at, setAt] = useState(-1);
  const chosen = devices[at];
  useKeys({
    j: () => setAt(Math.min(devices.length - 1, at + 1)), k: () => setAt(Math.max(0, at - 1)),
    Enter: () => chosen && go(href('devices', chosen.id)), Escape: () => setAt(-1),
  });
  const rejects = rejectsBy(kept.data?.entries ?? []);
  const height = matchMedia('(max-width: 760px)').matches ? 44 : 32;
  const counts = load.data?.counts;
  return html`<${Panel} class="devices" title=${t('view.devices')} note=${counts ? STATES.filter((state) => counts[state]).map((state) => `${count(counts[state])} ${t(`devices.state.${state}`)}`).join(' · ') : ''}>
    <div class="bar">
      <input type="search" aria-label=${t('list.filter')} placeholder=${t('list.filter')} value=${query.q ?? ''} onInput=${(event) => refine({ q: event.currentTarget.value || undefined })} />
      <select aria-label=${t('points.state')} value=${query.state ?? ''} onChange=${(event) => refine({ state: event.currentTarget.value || undefined })}>
        <option value="">${t('points.anyState')}</option>${STATES.map((state) => html`<option key=${state} value=${state}>${t(`devices.state.${state}`)}</option>`)}</select>
      ${load.data && load.data.total > devices.length && html`<span class="note">${t('devices.first', { n: count(devices.length), all: count(load.data.total) })}</span>`}
    </div>
    ${!load.data ? html`<${Pending} load=${load} />` : !devices.length ? html`<${Nothing} query=${query} />` : html`
      <div class="vhead" aria-hidden="true"><span>${t('kind.device')}</span><span>${t('points.state')}</span><span class="wide-only">${t('devices.where')}</span><span class="wide-only">${t('devices.address')}</span><span class="num">${t('devices.seen')}</span><span class="num wide-only">${t('devices.clock')}</span><span class="num wide-only">${t('devices.samples')}</span><span class="num wide-only">${t('devices.points')}</span><span class="num wide-only">${t('devices.rejects')}</span></div>
      <${Virtual} count=${devices.length} height=${height} show=${at} maxHeight="calc(100vh - 236px)" role="list" label=${t('view.devices')}
        row=${(index) => html`<${Row} key=${devices[index].id} device=${devices[index]} index=${index} total=${devices.length} top=${index * height} picked=${index === at} rejects=${rejects.get(devices[index].address) ?? 0} />`} />`}
  </${Panel}>`;
}

/** How many rejects each address has among those kept. @param {any[]} entries */
function rejectsBy(entries) {
  const out = new Map();
  for (const entry of entries) if (entry.address) out.set(entry.address, (out.get(entry.address) ?? 0) + entry.count);
  return out;
}

/** The state of a device with its hollow dot where it does not speak. @param {{device: any}} props */
export const DeviceState = ({ device }) => html`<span class=${device.state === 'seen' ? '' : 'value stale'}>${device.state !== 'seen' && html`<span class="hollow"></span>`}${t(`devices.state.${device.state}`)}</span>`;

/** A clock's offset, marked where it is worth a look. @param {{offset: number | null}} props */
export function Clock({ offset }) {
  if (offset === null) return html`–`;
  const off = Math.abs(offset) > CLOCK_OFF;
  return html`<span class=${off ? 't-high' : ''} title=${off ? offsetWords(offset) : null}>${offset > 0 ? '+' : offset < 0 ? '−' : ''}${Math.abs(offset) < 10_000 ? age(Math.abs(offset)) : duration(Math.abs(offset))}</span>`;
}

function Row({ device, index, total, top, picked, rejects }) {
  const at = useSecond();
  const address = href('devices', device.id);
  return html`<div class=${picked ? 'vrow picked' : 'vrow'} style=${{ top: `${top}px` }} role="listitem" aria-setsize=${total} aria-posinset=${index + 1} onClick=${() => go(address)} data-device=${device.id}>
    <span><a href=${address} onClick=${(event) => event.stopPropagation()}><bdi>${named(device.name) || device.id}</bdi></a></span>
    <span><${DeviceState} device=${device} /></span>
    <span class="place wide-only"><bdi>${placeOf(device)}</bdi></span>
    <span class="place wide-only"><bdi>${device.format} · ${device.address}</bdi></span>
    <span class="num age" title=${device.seen ? exact(device.seen, zoneOf(device)) : null}>${device.seen ? age(at - device.seen) : '–'}</span>
    <span class="num wide-only"><${Clock} offset=${device.offset} /></span>
    <span class="num wide-only">${count(device.samples)}</span>
    <span class="num wide-only">${device.stale ? `${count(device.points - device.stale)} / ` : ''}${count(device.points)}</span>
    <span class="num wide-only">${rejects ? count(rejects) : '–'}</span>
  </div>`;
}

function Nothing({ query }) {
  if (query.q || query.state) return html`<${Empty} title=${t('list.noMatch')}>${t('list.noMatchWords')} <a class="link" href=${here({ q: undefined, state: undefined })}>${t('list.clear')}</a></${Empty}>`;
  return html`<${Empty} title=${t('devices.none')}>${t('devices.noneWords')}</${Empty}>`;
}

