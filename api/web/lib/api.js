// The API as functions: what the page asks, and what it does. Failures are errors whose text is the problem's detail (RFC 9457).
import { learnTime } from './clock.js';
import { underOf } from './facility.js';
import { t } from './i18n.js';
import { failure } from './said.js';
import { me } from './settings.js';
import { seed } from './values.js';

/** Where the API lives, next to the page wherever a proxy mounts it. */
export const BASE = new URL('api/v1', document.baseURI).href;

/** @param {string} path @param {Record<string, any>} [query] lists repeat their key; undefined and '' are left out */
export function url(path, query = {}) {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== '') params.append(key, String(one));
  const search = params.toString();
  return `${BASE}/${path}${search ? `?${search}` : ''}`;
}

/** @param {Response} answer */
async function bodyOf(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(failure(body) || `${answer.status} ${answer.statusText}`);
  if (body.now) learnTime(body.now);
  return body;
}

/** An answer, whatever it says; where there is none, an error in words instead of the browser's. @param {string} address @param {RequestInit} how */
async function asked(address, how) {
  try {
    return await fetch(address, how);
  } catch (error) {
    throw error instanceof TypeError ? new Error(t('load.noAnswer')) : error;
  }
}

/** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] */
export const get = async (path, query, signal) => bodyOf(await asked(url(path, query), { signal, headers: { Accept: 'application/json' } }));

/** @param {string} path @param {any} body */
export const post = async (path, body) => bodyOf(await asked(url(path), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }));

/** @param {string} path */
export const remove = async (path) => bodyOf(await asked(url(path), { method: 'DELETE' }));

export const id = encodeURIComponent;

/** @template {any} T @param {T} answer @param {any[]} rows points with their newest values */
function seeded(answer, rows) {
  rows.forEach(seed);
  return answer;
}


/** Pages of a list until it ends or `most` are here. @param {string} path @param {Record<string, any>} query @param {string} list @param {number} most @param {AbortSignal} [signal] */
async function all(path, query, list, most, signal) {
  const out = [];
  let after;
  do {
    const page = await get(path, { limit: 1000, ...query, after }, signal);
    out.push(...page[list]);
    after = page.after ?? undefined;
  } while (after && out.length < most);
  return out;
}

export const api = {
  tree: () => get('tree'),
  status: (/** @type {string} */ branch, /** @type {AbortSignal} */ signal) => get('status', { under: underOf(branch) }, signal),
  /** A stretch of the points of a branch, in the order of `status`. */
  points: (/** @type {string} */ branch, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get('points', { under: underOf(branch), ...query }, signal).then((page) => seeded(page, page.points)),
  /** Sums over a branch: power of the main meters, today's registers, vehicles, freshness. */
  summary: (/** @type {string} */ branch, /** @type {AbortSignal} */ signal) => get('summary', { under: underOf(branch) }, signal),
  /** One row a site: power, today's energy, the last day, alerts, age. */
  /** Vehicles as they are now. */
  fleet: (/** @type {string} */ branch, /** @type {AbortSignal} */ signal) => get('fleet', { under: underOf(branch) }, signal),
  trips: (/** @type {string} */ vehicle, /** @type {number} */ start, /** @type {number} */ end, /** @type {AbortSignal} */ signal) => get(`fleet/${id(vehicle)}/trips`, { start, end }, signal),
  sites: (/** @type {string} */ branch, /** @type {AbortSignal} */ signal) => get('sites', { under: underOf(branch) }, signal),
  point: (/** @type {string} */ point, /** @type {AbortSignal} */ signal) => get(`points/${id(point)}`, {}, signal).then((row) => seeded(row, [row])),
  search: (/** @type {string} */ q, /** @type {AbortSignal} */ signal) => get('search', { q, limit: 30 }, signal).then((found) => found.hits),

  /** One point's history by pixel, or raw where the samples are fewer than the pixels. */
  async history(/** @type {string} */ point, /** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ pixels, /** @type {AbortSignal} */ signal) {
    const answer = await get('history', { point, start: from, end: to, pixels }, signal);
    const series = answer.series[0] ?? { start: [], mean: [], min: [], max: [], first: [], last: [], count: [] };
    // a window with one sample stands at its start: within a pixel of where it belongs
    return { at: series.start, mean: series.mean, min: series.min, max: series.max, last: series.last, count: series.count, window: answer.window };
  },
  /** Several points by windows of one length. @returns {Promise<Map<string, any>>} by point */
  async windows(/** @type {string[]} */ points, /** @type {number} */ from, /** @type {number} */ to, /** @type {string} */ window, /** @type {AbortSignal} */ signal) {
    const out = new Map();
    for (let i = 0; i < points.length; i += 100) {
      const answer = await get('history', { point: points.slice(i, i + 100), start: from, end: to, window, origin: from }, signal);
      for (const series of answer.series) out.set(series.point, series);
    }
    return out;
  },
  csv: (/** @type {string} */ point, /** @type {number} */ start, /** @type {number} */ end, /** @type {number} */ window) => url('history', { point, start, end, window: window ? `${Math.round(window)}ms` : '', origin: window ? start : undefined, format: 'csv' }),

  openAlerts: () => all('alerts', {}, 'alerts', 5000),
  resolvedAlerts: (/** @type {string | undefined} */ branch, /** @type {AbortSignal} */ signal) => get('alerts', { under: underOf(branch), condition: 'resolved', limit: 300 }, signal).then((page) => page.alerts),
  /** Alerts that touched a point (or its equip) in a stretch of time. */
  async alertsOn(/** @type {any} */ point, /** @type {number} */ from, /** @type {number} */ to, /** @type {AbortSignal} */ signal) {
    const target = [point.id, point.equip, point.device].filter(Boolean);
    const page = await get('alerts', { target, condition: ['firing', 'resolved'], limit: 200 }, signal);
    return page.alerts.filter((alert) => alert.since < to && (alert.resolved ?? Infinity) > from);
  },
  alert: (/** @type {string} */ alert, /** @type {AbortSignal} */ signal) => get(`alerts/${id(alert)}`, {}, signal).then((found) => seeded(found, found.latest)),
  acknowledge: (/** @type {string[]} */ ids, /** @type {string} */ comment = '') => post('alerts/acknowledge', { ids, by: me(), comment }).then((answer) => answer.changed),

  devices: (/** @type {string} */ branch, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get('devices', { under: underOf(branch), limit: 1000, ...query }, signal),
  device: (/** @type {string} */ device, /** @type {AbortSignal} */ signal) => get(`devices/${id(device)}`, {}, signal).then((found) => seeded(found, found.values)),
  registers: (/** @type {AbortSignal} */ signal) => get('ledger', {}, signal).then((found) => found.registers),
  questions: (/** @type {AbortSignal} */ signal) => get('ledger/questions', {}, signal).then((found) => found.questions),
  answer: (/** @type {string} */ question, /** @type {number} */ answer, /** @type {Record<string, number>} */ values = {}) => post(`ledger/questions/${id(question)}/answer`, { answer, by: me() || 'page', values }),
  /** Consumption: the tree of figures of a span. */
  consumption: (/** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get('energy/summary', query, signal),
  profile: (/** @type {string} */ node, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`energy/profile/${id(node)}`, query, signal),
  balance: (/** @type {string} */ site, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`energy/balance/${id(site)}`, query, signal),
  indicators: (/** @type {string} */ site, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`energy/indicators/${id(site)}`, query, signal),
  quota: (/** @type {string} */ site, /** @type {number} */ year, /** @type {AbortSignal} */ signal) => get(`energy/quota/${id(site)}`, { year }, signal),
  ranking: (/** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get('energy/ranking', query, signal),
  siteCost: (/** @type {string} */ site, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`cost/site/${id(site)}`, query, signal),
  cost: (/** @type {string} */ point, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`cost/${id(point)}`, query, signal),
  bills: (/** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get('bills', query, signal),
  /** A bill on record, null where there is none. */
  bill: (/** @type {number} */ number, /** @type {AbortSignal} */ signal) => (Number.isInteger(number) ? get('bills', { before: number + 1, limit: 1 }, signal).then(({ bills }) => (bills[0]?.id === number ? bills[0] : null)) : Promise.resolve(null)),
  checkBill: (/** @type {Record<string, any>} */ bill) => post('bills', bill),
  /** The ledger of a register: figures, evidence, revisions, baseline, savings, and closed months. */
  ledger: (/** @type {string} */ point, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`ledger/${id(point)}`, query, signal),
  evidence: (/** @type {string} */ point, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`ledger/${id(point)}/evidence`, query, signal),
  revisions: (/** @type {string} */ point, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`ledger/${id(point)}/revisions`, query, signal),
  baseline: (/** @type {string} */ point, /** @type {AbortSignal} */ signal) => get(`ledger/${id(point)}/baseline`, {}, signal),
  savings: (/** @type {string} */ point, /** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get(`ledger/${id(point)}/savings`, query, signal),
  closedMonth: (/** @type {string} */ month, /** @type {AbortSignal} */ signal) => get(`ledger/months/${id(month)}`, {}, signal),
  closeMonth: (/** @type {string} */ month) => post(`ledger/months/${id(month)}/close`, { by: me() || 'page' }),
  reports: (/** @type {AbortSignal} */ signal) => get('reports', {}, signal),
  reportUrl: (/** @type {string} */ month, /** @type {string} */ form, /** @type {string} */ lang, /** @type {boolean} */ kept = false) => url(`reports/${month}.${form}`, { lang, kept: kept || undefined }),
  quarantine: (/** @type {Record<string, any>} */ query, /** @type {AbortSignal} */ signal) => get('quarantine', query, signal),
  server: (/** @type {AbortSignal} */ signal) => get('server', {}, signal),
};
