// The evidence of an alert, drawn: what was measured, what was expected, the limit, the level at which it clears, the episode; and
// below it every figure that the rule recorded.
import { html, useLoad, useMemo } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { duration, exact, since } from '../lib/format.js';
import { now } from '../lib/clock.js';
import { href, route } from '../lib/route.js';
import { RATES } from '../lib/units.js';
import { inUnit } from '../lib/sentence.js';
import { usualBands } from '../lib/usual.js';
import { History } from './history.js';

const DAY = 86_400_000;
/** Drawn or told elsewhere. */
const TOLD = new Set(['unit', 'first', 'cost', 'counterfactual', 'clear_at', 'expected_low', 'expected_high', 'currency']);

/** @param {{alert: any, zone: string}} props */
export function Evidence({ alert, zone }) {
  const point = alert.latest[0];
  const end = alert.resolved ?? now();
  const within = useMemo(() => {
    const lead = Math.max(3_600_000, Math.min(DAY, (end - alert.since) * 0.75));
    return { from: Math.round(alert.since - lead), to: Math.round(end + (alert.resolved ? lead / 2 : lead * 0.06)) };
  }, [alert.since, alert.resolved]);
  const fits = point && sameUnit(alert, point);
  const limits = useMemo(() => (fits ? lines(alert) : []), [point?.id, alert.limit, alert.evidence]);
  const shades = useMemo(() => [{ from: alert.since, to: end, severity: alert.severity, label: t('alert.shade', { when: since(alert.since, zone, now()) }) }], [alert.since, alert.resolved]);
  const own = useMemo(() => (fits ? expected(alert, end) : []), [point?.id, alert.evidence]);
  const learn = fits && !own.length && point.nature === 'gauge';
  const past = useLoad(learn ? `usual ${point.id} ${alert.since}` : '', (signal) => api.windows([point.id], Math.floor(alert.since / DAY - 28) * DAY, alert.since, '1h', signal));
  const bands = useMemo(() => {
    const series = past.data?.get(point?.id);
    return own.length || !series ? own : usualBands({ at: series.start, value: series.mean }, within.from, within.to, alert.since, zone, t('chart.usual'));
  }, [own, past.data, within]);
  if (!point) return html`<section class="panel"><div class="title"><h2>${t('alert.evidence')}</h2></div><div class="empty">${t('alert.noPoint')}</div><${Figures} alert=${alert} zone=${zone} /></section>`;
  return html`<${History} title=${html`${t('alert.evidence')} <a class="link" href=${href('point', point.id)}><bdi>${named(point.name) || point.id}</bdi></a>`} point=${point} zone=${zone} query=${route.value.query}
    limits=${limits} shades=${shades} bands=${bands} within=${within} below=${html`<${Figures} alert=${alert} zone=${zone} />`} />`;
}

/** A limit is drawn only on a chart of the same quantity: seconds of silence and changes an hour are not the value. */
const sameUnit = (alert, point) => alert.kind !== 'stale' && alert.kind !== 'rate' && (point.nature !== 'counter' || point.unit in RATES) && [undefined, point.unit].includes(alert.evidence?.unit);

/** The limit, what is expected as one level, and where it would clear. @param {any} alert */
function lines(alert) {
  const { expected_value: level, clear_at: clears, expected_low: low } = alert.evidence ?? {};
  const out = [];
  if (alert.limit !== null) out.push({ value: alert.limit, label: t('alert.limitAt', { v: inUnit(alert, alert.limit) }) });
  if (typeof clears === 'number' && clears !== alert.limit) out.push({ value: clears, label: t('alert.clearsAt', { v: inUnit(alert, clears) }), under: true });
  if (typeof level === 'number' && typeof low !== 'number') out.push({ value: level, label: t('alert.expectedAt', { v: inUnit(alert, level) }) });
  return out;
}

/** The band that the rule itself recorded. @param {any} alert @param {number} end */
function expected(alert, end) {
  const { expected_low, expected_high, lowest_value, highest_value } = alert.evidence ?? {};
  const [low, high] = [expected_low ?? lowest_value, expected_high ?? highest_value];
  if (typeof low !== 'number' || typeof high !== 'number') return [];
  return [{ at: [alert.since, end], low: [low, low], high: [high, high], label: t('chart.expected') }];
}

/** Every figure that the rule recorded. @param {{alert: any, zone: string}} props */
function Figures({ alert, zone }) {
  const { expected_low: low, expected_high: high } = alert.evidence ?? {};
  const rows = Object.entries(alert.evidence ?? {}).filter(([key, value]) => value !== null && value !== '' && typeof value !== 'object' && !TOLD.has(key)).map(([key, value]) => [word('evidence', key), figure(alert, key, value, zone)]);
  if (typeof low === 'number' && typeof high === 'number') rows.unshift([t('evidence.expected'), `${inUnit(alert, low)} – ${inUnit(alert, high)}`]);
  if (!rows.length) return null;
  return html`<dl class="facts recorded">${rows.map(([name, words]) => html`<div key=${name}><dt>${name}</dt><dd><bdi>${words}</bdi></dd></div>`)}</dl>`;
}

function figure(alert, key, value, zone) {
  if (/(_at|_since)$/.test(key) && typeof value === 'number') return exact(value > 1e15 ? value / 1e6 : value, zone);
  if (key.endsWith('_ns')) return duration(value / 1e6);
  if (key.endsWith('_value') && typeof value === 'number') return inUnit(alert, value);
  if (key.endsWith('_percent')) return `${value} %`;
  if (typeof value === 'number') return String(Math.abs(value) < 1e6 ? Number(value.toPrecision(4)) : Math.round(value));
  if (typeof value === 'boolean') return t(value ? 'state.yes' : 'state.no');
  return String(value).split(', ').map((part) => word('term', part)).join(t('list.comma'));
}
