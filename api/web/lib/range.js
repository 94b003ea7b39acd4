// A time range as the address writes it: `range=24h` moves with the clock, `from` and `to` (epoch ms) stand still.
import { useMemo } from './html.js';
import { now } from './clock.js';

export const RANGES = { '1h': 3_600_000, '6h': 21_600_000, '24h': 86_400_000, '7d': 604_800_000, '30d': 2_592_000_000 };

/**
 * @param {Record<string, string>} query @param {string} [usual]
 * @returns {{from: number, to: number, moving: boolean, name: string}}
 */
export function rangeOf(query, usual = '24h') {
  const from = Number(query.from);
  const to = Number(query.to);
  if (from > 0 && to > from) return { from, to, moving: false, name: '' };
  const name = query.range in RANGES ? query.range : usual;
  // quantised, so that a render does not ask the server for another range each time
  const step = Math.max(5_000, RANGES[name] / 720);
  const end = Math.ceil(now() / step) * step;
  return { from: end - RANGES[name], to: end, moving: true, name };
}

/** How often a moving range is asked for anew, ms. @param {{from: number, to: number}} range */
export const pace = (range) => Math.min(60_000, Math.max(5_000, (range.to - range.from) / 720));

/** The colour-free answer to "how many windows": one per pixel of the chart. */
export const pixels = () => Math.max(200, Math.min(1600, Math.round(innerWidth * (innerWidth > 760 ? 0.6 : 0.95))));

/** @param {Record<string, string>} query @param {number} turn changes when a moving range should move on */
export const useRange = (query, turn, usual = '24h') => useMemo(() => rangeOf(query, usual), [query.range, query.from, query.to, turn, usual]);
