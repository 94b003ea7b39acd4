// A point's history: the chart with its range, limits and alert episodes, and the ways to keep it (CSV, PNG).
import { html, useEffect, useLoad, useMemo, useRef, useState } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { exact, measure } from '../lib/format.js';
import { go, here, href } from '../lib/route.js';
import { now } from '../lib/clock.js';
import { RANGES, pace, pixels, useRange } from '../lib/range.js';
import { RATES } from '../lib/units.js';
import { sentence } from '../lib/sentence.js';
import { Chart } from '../chart/chart.js';
import { longestStep, rates, withGaps } from '../chart/series.js';
import { savePng } from '../chart/save.js';
import { token } from '../chart/marks.js';
import { Panel, Pending } from './panel.js';

const NOTHING = { at: [], mean: [], min: [], max: [] };

/**
 * @param {{point: any, zone: string, query: Record<string, string>, title?: any, usual?: string, limits?: {value: number, label: string}[],
 *   shades?: any[], bands?: import('../chart/series.js').Band[], below?: any, within?: {from: number, to: number}}} props within: the range shown when the address names none
 */
export function History({ point, zone, query, title, usual = '24h', limits, shades, bands, below, within }) {
  const [turn, setTurn] = useState(0);
  const asked = query.range || query.from;
  const moving = useRange(query, turn, usual);
  const range = within && !asked ? { ...within, moving: false, name: '' } : moving;
  // a register says little; what flows says it all
  const flow = point.nature === 'counter' ? RATES[point.unit] : undefined;
  const drawn = useMemo(() => (flow ? { ...point, unit: flow.unit, nature: 'gauge', metric: '' } : point), [point]);
  const plot = useRef(/** @type {any} */ (null));
  useEffect(() => {
    if (!range.moving) return undefined;
    const timer = setInterval(() => document.hidden || setTurn((n) => n + 1), pace(range));
    return () => clearInterval(timer);
  }, [range.moving, range.name]);
  const load = useLoad(`${point.id} ${range.from} ${range.to}`, (signal) => api.history(point.id, range.from, range.to, flow ? Math.round(pixels() / 5) : pixels(), signal));
  const past = useLoad(`${point.id} ${Math.floor(range.from / 60_000)}`, (signal) => api.alertsOn(point, range.from, range.to, signal));
  const columns = useMemo(() => (load.data ? withGaps(flow ? rates(load.data, flow.factor) : load.data, longestStep(load.data.window, point.interval)) : NOTHING), [load.data]);
  const episodes = useMemo(() => (past.data ?? []).map((alert) => ({
    id: alert.id, from: alert.since, to: alert.resolved ?? now(), severity: alert.severity, title: `${t(`sev.${alert.severity}`)}: ${sentence(alert, zone)}`, href: href('alerts', alert.id),
  })), [past.data, zone]);
  const valid = useMemo(() => limits ?? validRange(point), [limits, point]);
  const name = named(point.name) || point.id;
  const zoom = (from, to) => go(here({ range: undefined, from: String(from), to: String(to) }));
  const reset = () => go(here({ range: undefined, from: undefined, to: undefined }));
  const png = () => plot.current && savePng(plot.current.ctx.canvas, name, `${zone} · ${measureRange(range, zone)}`, { ground: token('panel'), text: token('text'), font: token('font') });
  return html`<${Panel} title=${title ?? t('history.title')} note=${`${word('metric', point.metric)}${flow ? ` · ${t('history.flow')}` : ''} · ${zone}`}more=${html`<span class="choice" role="group" aria-label=${t('history.range')}>${Object.keys(RANGES).map((key) => html`<a key=${key} href=${here({ range: key, from: undefined, to: undefined })} aria-current=${range.name === key ? 'true' : null}>${t(`range.${key}`)}</a>`)}</span>
      ${!range.moving && asked ? html`<button class="link" onClick=${reset}>${t('history.back')}</button>` : null}
      ${point.nature === 'counter' ? html`<a class="link" href=${href('ledger', point.id)}>${t('view.ledger')}</a>` : null}
      <a class="link" href=${api.csv(point.id, range.from, range.to, load.data?.window ?? 0)} download=${`${point.id}.csv`}>${t('act.csv')}</a>
      <button class="link" onClick=${png}>${t('act.png')}</button>`}>
    ${load.data || !load.error ? html`<${Chart} columns=${columns} point=${drawn} zone=${zone} from=${range.from} to=${range.to} title=${name} loading=${load.data === undefined} limits=${valid} shades=${shades} bands=${bands}
      episodes=${episodes} onZoom=${zoom} onReset=${reset} onReady=${(u) => { plot.current = u; }} />` : null}
    ${load.error ? html`<${Pending} load=${load} />` : null}
    ${below}
  </${Panel}>`;
}

/** @param {{from: number, to: number}} range @param {string} zone */
const measureRange = (range, zone) => `${exact(range.from, zone)} – ${exact(range.to, zone)}`;

/** The valid range as limits, where the facility gives one that says something. @param {any} point */
function validRange(point) {
  if (point.nature !== 'gauge') return [];
  return [['low', point.low], ['high', point.high]].filter(([, v]) => v !== null && v !== undefined && Number.isFinite(v)).map(([which, value]) => ({ value, label: t(`history.${which}`, { v: measure(value, point) }), soft: true }));
}
