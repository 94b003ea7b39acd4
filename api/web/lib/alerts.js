// The open alerts: loaded once, changed by events, ranked. What a person waits for is always here, whatever view is shown.
import { Store } from './state.js';
import { api } from './api.js';
import { chainOf, facility, inBranch } from './facility.js';
import { announce } from './say.js';
import { t } from './i18n.js';
import { sentence } from './sentence.js';
import { rank } from '../parts/severity.js';

/** @type {Store<Map<string, any>>} open alerts by id */
export const alerts = new Store(new Map());
/** Whether the first answer has come. @type {Store<boolean>} */
export const alertsLoaded = new Store(false);
/** Alerts that came in while the page was open: they slide in. @type {Set<string>} */
export const fresh = new Set();

export async function loadAlerts() {
  try {
    const list = await api.openAlerts();
    alerts.set(new Map(list.map((alert) => [alert.id, alert])));
    alertsLoaded.set(true);
  } catch {
    setTimeout(loadAlerts, 3000);
  }
}

/** An event of the live stream: an alert as it now stands. @param {any} alert */
export function takeAlert(alert) {
  const next = new Map(alerts.value);
  const known = next.get(alert.id);
  if (alert.condition === 'resolved') next.delete(alert.id);
  else if (alert.condition === 'firing') next.set(alert.id, { ...known, ...alert });
  else return;
  if (!known && alert.condition === 'firing') {
    fresh.add(alert.id);
    announce(`${t('say.new')} ${t(`sev.${alert.severity}`)}: ${sentence(alert, '')}`);
  }
  if (known && alert.condition === 'resolved') announce(`${t('say.resolved')} ${sentence(alert, '')}`);
  alerts.set(next);
}

/** Nobody has taken it yet. @param {any} alert */
export const isWaiting = (alert) => alert.human === 'unacknowledged';

/** Nobody is told of it now: another explains it, or it is silenced. @param {any} alert */
const isMuted = (alert) => alert.delivery !== undefined && alert.delivery !== 'deliverable';

/** Worst first; within a severity those of which people are told, those that wait for somebody, then the dearest, then the newest. @param {any} a @param {any} b */
export function byRank(a, b) {
  return rank(a.severity) - rank(b.severity) || Number(isMuted(a)) - Number(isMuted(b)) || Number(isWaiting(b)) - Number(isWaiting(a)) || (b.cost ?? 0) - (a.cost ?? 0) || b.since - a.since || (a.id < b.id ? -1 : 1);
}

/** Open alerts of a branch, ranked. @param {string} [branch] */
export function ranked(branch = '') {
  return [...alerts.value.values()].filter((alert) => inBranch(alert, branch)).sort(byRank);
}

/** Open alerts that nobody has acknowledged. */
export const waiting = () => [...alerts.value.values()].filter(isWaiting);

/** @param {any[]} list @returns {string} */
export const worstOf = (list) => list.reduce((worst, alert) => (rank(alert.severity) < rank(worst) ? alert.severity : worst), '');

/** What lies on each node of the tree: how many open alerts below it, and the worst. */
export function burden() {
  /** @type {Map<string, {n: number, worst: string}>} */
  const out = new Map();
  if (!facility.value.ready) return out;
  for (const alert of alerts.value.values()) {
    for (const key of chainOf(alert)) {
      const old = out.get(key) ?? { n: 0, worst: '' };
      out.set(key, { n: old.n + 1, worst: rank(alert.severity) < rank(old.worst) ? alert.severity : old.worst });
    }
  }
  return out;
}

/** Acknowledges and shows it at once. @param {string[]} ids @returns {Promise<void>} */
export async function acknowledge(ids) {
  const answers = await api.acknowledge(ids);
  const next = new Map(alerts.value);
  for (const alert of answers) if (next.has(alert.id)) next.set(alert.id, { ...next.get(alert.id), ...alert });
  alerts.set(next);
}
