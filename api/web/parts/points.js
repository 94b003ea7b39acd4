// The points of a branch as a list of any length: rows exist while they are seen, their names come in pages of two hundred,
// their values from the live stream. Filtered by text and by state, on the server.
import { html, useChange, useEffect, useRef, useState } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { nodeOf, zoneOf } from '../lib/facility.js';
import { go, href, refine } from '../lib/route.js';
import { renewal } from '../lib/live.js';
import { useKeys } from '../lib/keys.js';
import { flowOf, trendOf, trendsChanged } from '../lib/trends.js';
import { displayOf } from '../lib/units.js';
import { alerts } from '../lib/alerts.js';
import { Age, Value } from './value.js';
import { Severity } from './severity.js';
import { Spark } from './spark.js';
import { Virtual } from './virtual.js';
import { Empty, Panel, Pending } from './panel.js';

const CHUNK = 200;
const STATES = ['fresh', 'stale', 'dead', 'none'];

/** @param {{branch: string, query: Record<string, string>, title: any}} props */
export function Points({ branch, query, title }) {
  useChange(renewal);
  useChange(trendsChanged);
  useChange(alerts);
  const key = `${branch} ${query.q ?? ''} ${query.state ?? ''} ${renewal.value}`;
  const book = usePages(key, branch, query);
  const [at, setAt] = useState(-1);
  const chosen = book.rows[at];
  useKeys({
    j: () => setAt(Math.min(book.total - 1, at + 1)), k: () => setAt(Math.max(0, at - 1)),
    Enter: () => chosen && go(href('point', chosen.id)), Escape: () => setAt(-1),
  });
  const height = matchMedia('(max-width: 760px)').matches ? 44 : 32;
  return html`<${Panel} class="points" title=${title} note=${book.total < 0 ? '' : t('points.note', { n: book.total })}>
    <div class="bar">
      <input type="search" aria-label=${t('list.filter')} placeholder=${t('list.filter')} value=${query.q ?? ''} onInput=${(event) => refine({ q: event.currentTarget.value || undefined })} />
      <select aria-label=${t('points.state')} value=${query.state ?? ''} onChange=${(event) => refine({ state: event.currentTarget.value || undefined })}>
        <option value="">${t('points.anyState')}</option>${STATES.map((state) => html`<option key=${state} value=${state}>${t(`points.state.${state}`)}</option>`)}</select>
    </div>
    ${book.error ? html`<${Pending} load=${{ data: undefined, loading: false, error: book.error }} />`
      : book.total === 0 ? html`<${Nothing} query=${query} />`
        : book.total < 0 ? html`<${Pending} load=${{ data: undefined, loading: true }} />` : html`
      <div class="vhead" aria-hidden="true"><span>${t('points.name')}</span><span class="wide-only">${t('points.where')}</span><span class="wide-only">${t('points.day')}</span><span class="num">${t('points.value')}</span><span class="num wide-only">${t('points.metric')}</span><span class="num">${t('points.age')}</span></div>
      <${Virtual} key=${key} count=${book.total} height=${height} show=${at} maxHeight="calc(100vh - 192px)" role="list" label=${t('points.list')} onRange=${book.need}
        row=${(index) => html`<${Row} key=${index} point=${book.rows[index]} index=${index} total=${book.total} top=${index * height} picked=${index === at} sizes=${book.sizes} />`} />`}
  </${Panel}>`;
}

/** Pages of point rows, loaded as they are needed. @param {string} key @param {string} branch @param {Record<string, string>} query */
function usePages(key, branch, query) {
  const [, again] = useState(0);
  const book = useRef(/** @type {any} */ ({ key: '' }));
  if (book.current.key !== key) {
    // until the answer is here the old list stays: typing in the filter does not flash
    book.current = { key, total: book.current.total ?? -1, rows: book.current.rows ?? [], sizes: new Map(), asked: new Set(), error: undefined, fresh: false };
  }
  const mine = book.current;
  const load = async (/** @type {number} */ page) => {
    if (mine.asked.has(page)) return;
    mine.asked.add(page);
    try {
      const answer = await api.points(branch, { q: query.q, state: query.state, limit: CHUNK, after: page ? String(page * CHUNK) : undefined });
      if (!mine.fresh) Object.assign(mine, { fresh: true, rows: [] });
      mine.total = answer.total;
      answer.points.forEach((point, i) => {
        mine.rows[page * CHUNK + i] = point;
        mine.sizes.set(point.metric, Math.max(mine.sizes.get(point.metric) ?? 0, Math.abs(point.value ?? 0)));
      });
    } catch (error) {
      mine.asked.delete(page);
      mine.error = error;
    }
    if (book.current === mine) again((n) => n + 1);
  };
  useEffect(() => {
    const timer = setTimeout(() => void load(0), query.q ? 150 : 0);
    return () => clearTimeout(timer);
  }, [key]);
  return { ...mine, need: (/** @type {number} */ from, /** @type {number} */ to) => {
    if (!mine.fresh) return;
    for (let page = Math.floor(from / CHUNK); page * CHUNK < Math.min(to, mine.total); page += 1) void load(page);
  } };
}

function Row({ point, index, total, top, picked, sizes }) {
  const style = { top: `${top}px` };
  if (!point) return html`<div class="vrow" style=${style} role="listitem" aria-setsize=${total} aria-posinset=${index + 1}><span class="note">…</span></div>`;
  const node = nodeOf(point.node);
  const display = displayOf(point.unit, sizes.get(point.metric) ?? 0, point.metric);
  const address = href('point', point.id);
  const alert = [...alerts.value.values()].find((one) => one.points.includes(point.id));
  return html`<div class=${picked ? 'vrow picked' : 'vrow'} style=${style} role="listitem" aria-setsize=${total} aria-posinset=${index + 1} onClick=${() => go(address)} data-row=${point.id}>
    <span><a href=${address} onClick=${(event) => event.stopPropagation()}>${alert ? html`<${Severity} of=${alert.severity} /> ` : ''}<bdi>${named(point.name) || point.id}</bdi></a><small class="phone-only"><bdi>${node ? named(node.name) || node.id : ''}</bdi></small></span>
    <span class="place wide-only"><bdi>${node ? named(node.name) || node.id : ''}</bdi></span>
    <span class="wide-only"><${Spark} series=${point.nature === 'counter' ? flowOf(trendOf(point.id)) : trendOf(point.id)} height=${20} hotFrom=${alert?.since} severity=${alert?.severity} /></span>
    <span class="num"><${Value} point=${point} display=${point.nature === 'gauge' ? display : undefined} /></span>
    <span class="num place wide-only">${word('metric', point.metric)}</span>
    <span class="num"><${Age} point=${point} zone=${zoneOf(point)} /></span>
  </div>`;
}

function Nothing({ query }) {
  if (query.q || query.state) return html`<${Empty} title=${t('list.noMatch')}>${t('list.noMatchWords')} <button class="link" onClick=${() => refine({ q: undefined, state: undefined })}>${t('list.clear')}</button></${Empty}>`;
  return html`<${Empty} title=${t('points.none')}>${t('points.noneWords')}</${Empty}>`;
}

