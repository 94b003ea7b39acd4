// The axes of a chart: the site's wall clock below, the unit's numbers at the left.
import { clock, dayOf, number, stateText } from '../lib/format.js';
import { locale } from '../lib/i18n.js';

const DAY = 86_400_000;

/** @param {any} point @param {string} zone @param {import('../lib/units.js').Display} display @param {(name: string) => string} token */
export function axes(point, zone, display, token) {
  const common = { stroke: token('muted'), font: `12px ${token('font')}`, grid: { stroke: token('line'), width: 1 }, ticks: { show: false } };
  return [
    { ...common, space: 76, size: 38, grid: { show: false }, values: (u, splits, axis, space, step) => timeWords(splits, step, zone) },
    {
      ...common,
      size: room,
      label: undefined,
      splits: point.nature === 'state' ? (u, axis, low, high) => wholes(low, high) : undefined,
      values: (u, splits) => (point.nature === 'state' ? splits.map((v) => (v === null ? '' : stateText(v, point))) : numbers(splits, display.symbol)),
    },
  ];
}

/** As wide as the longest label needs, signs of CJK counting for more. @param {any} u @param {string[] | null} labels */
function room(u, labels) {
  const wide = (/** @type {string} */ text) => [...text].reduce((sum, sign) => sum + (sign > '\u2e80' ? 12 : 7), 0);
  return Math.max(58, ...(labels ?? []).map((label) => wide(String(label ?? '')) + 14));
}

/** Whole numbers only: there is nothing between two states. */
function wholes(low, high) {
  const out = [];
  const step = Math.max(1, Math.ceil((high - low) / 8));
  for (let v = Math.ceil(low); v <= high; v += step) out.push(v);
  return out;
}

/** As many decimals as the step needs; the unit stands at the topmost. */
function numbers(splits, symbol) {
  const present = splits.filter((v) => v !== null);
  const step = present.length > 1 ? Math.abs(present[1] - present[0]) : 1;
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return splits.map((v, i) => (v === null ? '' : i === splits.length - 1 && symbol ? `${number(v, digits)} ${symbol}` : number(v, digits)));
}

/** Clock times, with the date under the first of each day. */
function timeWords(splits, step, zone) {
  let day = '';
  const date = new Intl.DateTimeFormat(locale(), { timeZone: zone || undefined, day: 'numeric', month: 'short' });
  const fine = new Intl.DateTimeFormat(locale(), { timeZone: zone || undefined, hourCycle: 'h23', hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return splits.map((ms) => {
    if (ms === null) return '';
    const own = dayOf(ms, zone);
    const head = step >= DAY ? '' : step < 60_000 ? fine.format(ms) : clock(ms, zone);
    const tail = own !== day ? date.format(ms) : '';
    day = own;
    return head && tail ? `${head}\n${tail}` : head || tail;
  });
}
