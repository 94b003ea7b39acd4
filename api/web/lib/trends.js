// The last day of a point as a small series, for sparklines: asked for many points at once, kept for five minutes.
import { Store } from './state.js';
import { api } from './api.js';
import { now } from './clock.js';
import { rates } from '../chart/series.js';

const DAY = 86_400_000;
const FOR = 300_000;
const STEP = 1_200_000;

/** @typedef {{at: number[], value: (number | null)[], last: (number | null)[], start: number, end: number, asked: number}} Trend */
/** @type {Map<string, Trend | null>} null: asked for, not here yet */
const trends = new Map();
/** Changes when new ones are here. @type {Store<number>} */
export const trendsChanged = new Store(0);
/** @type {Set<string>} */
const wanted = new Set();
let timer = 0;

/** What flows of a register, as a trend. @param {Trend | undefined} trend @returns {Trend | undefined} */
export const flowOf = (trend) => trend && { ...trend, value: rates(trend, 1).mean };

/** @param {string} point @returns {Trend | undefined} */
export function trendOf(point) {
  const held = trends.get(point);
  if (held === undefined || (held && now() - held.asked > FOR)) want(point);
  return held ?? undefined;
}

function want(/** @type {string} */ point) {
  wanted.add(point);
  if (!timer) timer = window.setTimeout(ask, 150);
}

async function ask() {
  timer = 0;
  const points = [...wanted].slice(0, 100);
  points.forEach((point) => wanted.delete(point));
  if (wanted.size) timer = window.setTimeout(ask, 50);
  const asked = now();
  const end = Math.ceil(asked / STEP) * STEP;
  points.forEach((point) => trends.has(point) || trends.set(point, null));
  try {
    const found = await api.windows(points, end - DAY, end, '20m');
    for (const point of points) {
      const series = found.get(point);
      trends.set(point, { at: series?.start ?? [], value: series?.mean ?? [], last: series?.last ?? [], start: end - DAY, end, asked });
    }
  } catch {
    points.forEach((point) => trends.get(point) || trends.delete(point));
    return;
  }
  trendsChanged.set(trendsChanged.value + 1);
}
