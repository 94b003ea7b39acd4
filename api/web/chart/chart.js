// A time series: mean as a line, minimum to maximum as an area, gaps as gaps, limits, episodes on the axis, the site's own time.
// uPlot is loaded when the first chart is shown. Drag zooms, double click returns; the arrow keys, + and - do the same.
import { html, useChange, useEffect, useRef, useState } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { exact, measure, valueText, zoneOffset } from '../lib/format.js';
import { displayOf } from '../lib/units.js';
import { dark } from '../lib/settings.js';
import { clockChanges, extent, holes } from './series.js';
import { drawBands, drawClockChanges, drawHatched, drawHot, drawLimits, drawShades, token } from './marks.js';
import { axes } from './axes.js';

/** @type {Promise<any> | undefined} */
let library;
/** Loads uPlot and its style sheet once. */
export function load() {
  if (!library) {
    const sheet = document.createElement('link');
    sheet.rel = 'stylesheet';
    sheet.href = new URL('../vendor/uplot.css', import.meta.url).href;
    document.head.append(sheet);
    library = import('../vendor/uplot.js').then((module) => module.default);
  }
  return library;
}

/**
 * @typedef {{id: string, from: number, to: number, severity: string, title: string, href: string}} Episode
 * @typedef {{columns: import('./series.js').Columns, point: any, zone: string, from: number, to: number, title: string, height?: number, loading?: boolean,
 *   limits?: {value: number, label: string, soft?: boolean}[], shades?: {from: number, to: number, severity: string, label: string}[], hatched?: {from: number, to: number}[], fromZero?: boolean,
 *   bands?: import('./series.js').Band[], episodes?: Episode[], onZoom?: (from: number, to: number) => void, onReset?: () => void, onReady?: (u: any) => void}} ChartProps
 */

/** @param {ChartProps} props */
export function Chart(props) {
  useChange(language);
  useChange(dark);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef(props);
  latest.current = props;
  const [read, setRead] = useState(/** @type {number | null} */ (null));
  const [area, setArea] = useState(/** @type {any} */ (null));
  const { columns, point, zone, from, to, height = 280 } = props;
  const range = extent(columns);
  const display = displayOf(point.unit, range ? Math.max(Math.abs(range.low), Math.abs(range.high)) : 1, point.metric);
  const look = `${language.value}${dark.value}${point.id}${display.symbol}${zone}${height}`;

  useEffect(() => {
    let gone = false;
    /** @type {ResizeObserver | undefined} */
    let watch;
    load().then((uPlot) => {
      if (gone || !box.current) return;
      const u = new uPlot(options(uPlot, latest, display, box.current.clientWidth, setRead, setArea), scaled(latest.current.columns, display), box.current);
      plot.current = u;
      latest.current.onReady?.(u);
      watch = new ResizeObserver(() => box.current && u.setSize({ width: box.current.clientWidth, height }));
      watch.observe(box.current);
    });
    return () => {
      gone = true;
      watch?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [look]);

  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    u.batch(() => {
      u.setData(scaled(columns, display), false);
      u.setScale('x', { min: from, max: to });
    });
  }, [columns, from, to, props.limits, props.shades, props.bands]);

  const span = to - from;
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const moves = { ArrowLeft: [-span / 4, -span / 4], ArrowRight: [span / 4, span / 4], '+': [span / 4, -span / 4], '=': [span / 4, -span / 4], '-': [-span / 2, span / 2] };
    const move = moves[event.key];
    if (move && props.onZoom) props.onZoom(Math.round(from + move[0]), Math.round(to + move[1]));
    else if (event.key === '0') props.onReset?.();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div>
    <div class="chart">
      <div class="plot" ref=${box} tabindex="0" role="img" aria-label=${describe(props, range)} onKeyDown=${keys} data-points=${columns.at.length}></div>
      ${!columns.at.length && !props.loading && html`<div class="empty">${t('chart.none')}</div>`}
      ${area && props.episodes?.length ? html`<${Episodes} episodes=${props.episodes} area=${area} from=${from} to=${to} />` : null}
    </div>
    <div class="legend">${legend(props, point)}<span class="read" aria-hidden="true">${read === null ? html`<span class="wide-only">${t('chart.hint')}</span>` : reading(props, read)}</span></div>
  </div>`;
}

/** @param {import('./series.js').Columns} columns @param {import('../lib/units.js').Display} display */
function scaled(columns, display) {
  const by = (/** @type {(number | null)[]} */ list) => list.map((v) => (v === null ? null : v * display.factor));
  return [columns.at, by(columns.mean), by(columns.min), by(columns.max)];
}

function options(uPlot, latest, display, width, setRead, setArea) {
  const { point, zone, height = 280, from, to } = latest.current;
  const stepped = point.nature === 'state' ? uPlot.paths.stepped({ align: 1 }) : undefined;
  const place = (u) => setArea({ left: u.over.offsetLeft, top: u.over.offsetTop, width: u.over.clientWidth, height: u.over.clientHeight });
  const limits = () => (latest.current.limits ?? []).map((limit) => ({ ...limit, value: limit.value * display.factor }));
  return {
    width, height, ms: 1, legend: { show: false },
    tzDate: (ms) => uPlot.tzDate(new Date(ms), zone || 'UTC'),
    cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: 'steward' }, points: { size: 5 }, y: false },
    scales: { x: { time: true, range: (u, low, high) => [low ?? from, high ?? to] }, y: { range: (u, low, high) => reach(latest.current.fromZero ? Math.min(0, low ?? 0) : low, high, [...limits(), ...edges(latest.current, display)]) } },
    axes: axes(point, zone, display, token),
    series: [
      {},
      { stroke: token('trace'), width: 1.5, paths: stepped, points: { show: true, size: 3, fill: token('trace'), filter: alone } },
      { stroke: 'transparent', width: 0, paths: stepped, points: { show: false } },
      { stroke: 'transparent', width: 0, paths: stepped, points: { show: false } },
    ],
    bands: [{ series: [3, 2], fill: token('trace-area') }],
    hooks: {
      drawClear: [(u) => {
        drawShades(u, latest.current.shades ?? []);
        drawBands(u, latest.current.bands ?? [], display.factor);
        drawHatched(u, [...holes(latest.current.columns), ...(latest.current.hatched ?? [])]);
      }],
      draw: [(u) => {
        drawHot(u, latest.current.shades ?? []);
        drawLimits(u, limits());
        const now = latest.current;
        drawClockChanges(u, clockChanges(now.from, now.to, (ms) => zoneOffset(ms, zone)).map(({ at, minutes }) => ({ at, label: t('chart.clock', { v: `${minutes > 0 ? '+' : '−'}${Math.abs(minutes)}` }) })));
      }],
      ready: [(u) => {
        u.setScale('x', { min: latest.current.from, max: latest.current.to });
        place(u);
        u.over.addEventListener('dblclick', () => latest.current.onReset?.());
      }],
      setSize: [place],
      setSelect: [(u) => {
        if (u.select.width > 4) latest.current.onZoom?.(Math.round(u.posToVal(u.select.left, 'x')), Math.round(u.posToVal(u.select.left + u.select.width, 'x')));
        u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      }],
      setCursor: [(u) => setRead(u.cursor.idx ?? null)],
    },
  };
}

/** The edges of what is expected in sight: they belong to the range of the axis. */
function edges({ bands = [], from, to }, display) {
  const values = bands.flatMap(({ at, low, high }) => at.flatMap((ms, i) => (ms >= from && ms <= to ? [low[i], high[i]] : [])));
  return values.length ? [{ value: Math.min(...values) * display.factor }, { value: Math.max(...values) * display.factor }] : [];
}

/** A sample between two gaps draws no line: it gets a dot. */
function alone(u, series) {
  const y = u.data[series];
  const found = [];
  for (let i = 0; i < y.length; i += 1) if (y[i] !== null && (y[i - 1] ?? null) === null && (y[i + 1] ?? null) === null) found.push(i);
  return found;
}

/** The range of the y axis: what was measured and the limits in force, with a little air; a soft limit is drawn only where it lies inside. */
function reach(low, high, limits) {
  const values = [low, high, ...limits.filter((limit) => !limit.soft).map((limit) => limit.value)].filter((v) => v !== null && Number.isFinite(v));
  if (!values.length) return [0, 1];
  const min = Math.min(...values);
  const max = Math.max(...values);
  const air = (max - min || Math.abs(max) * 0.1 || 1) * 0.08;
  return [min >= 0 && min - air < 0 ? 0 : min - air, max + air];
}

/** Alert episodes as ranges on the axis; each opens its alert. */
function Episodes({ episodes, area, from, to }) {
  const span = to - from || 1;
  // the plot lies 8 px inside the chart (parts.css)
  const top = 8 + area.top + area.height - 12;
  const left = 8 + area.left;
  return html`<div class="episodes" style=${{ left: `${left}px`, top: `${top}px`, width: `${area.width}px` }}>
    ${episodes.filter((e) => e.to > from && e.from < to).map((e) => {
      const start = Math.max(0, (e.from - from) / span);
      const end = Math.min(1, (e.to - from) / span);
      return html`<a key=${e.id} class=${`e-${e.severity}`} href=${e.href} title=${e.title} aria-label=${e.title} style=${{ left: `${start * 100}%`, width: `${(end - start) * 100}%` }}></a>`;
    })}
  </div>`;
}

function legend({ columns, limits, shades, bands, hatched }, point) {
  const ranged = columns.min.some((v, i) => v !== columns.max[i]);
  return html`<span><i class="i-mean"></i>${point.nature === 'state' ? t('chart.state') : ranged ? t('chart.mean') : t('chart.measured')}</span>
    ${ranged && html`<span><i class="i-range"></i>${t('chart.range')}</span>`}
    ${bands?.map((band) => html`<span key=${band.label}><i class="i-band"></i>${band.label}</span>`)}
    ${holes(columns).length ? html`<span><i class="i-gap"></i>${t('chart.gap')}</span>` : null}
    ${limits?.some((limit) => !limit.soft || inside(columns, limit.value)) ? html`<span><i class="i-limit"></i>${t('chart.limit')}</span>` : null}
    ${hatched?.length ? html`<span><i class="i-hatch"></i>${t('heat.uncertain')}</span>` : null}
    ${shades?.length ? html`<span><i class=${`i-${shades[0].severity}`}></i>${t('chart.episode')}</span>` : null}`;
}

/** Whether a soft limit lies among what was measured, and so is drawn. */
function inside(columns, value) {
  const range = extent(columns);
  return Boolean(range && value >= range.low && value <= range.high);
}

function reading({ columns, point, zone }, index) {
  const mean = columns.mean[index];
  if (mean === null || mean === undefined) return html`${exact(columns.at[index], zone)} · ${t('chart.gap')}`;
  const { text, unit } = valueText(mean, point);
  const low = columns.min[index];
  const high = columns.max[index];
  return html`${exact(columns.at[index], zone)} · <b>${text}</b> ${unit}${low !== high && low !== null ? ` (${valueText(low, point).text} – ${valueText(high, point).text})` : ''}`;
}

/** The chart in words, for those who do not see it. */
function describe({ title, point, from, to, zone }, range) {
  const when = { a: exact(from, zone), b: exact(to, zone) };
  if (!range) return t('chart.saysNone', { title, ...when });
  return t('chart.says', { title, ...when, low: measure(range.low, point), high: measure(range.high, point) });
}
