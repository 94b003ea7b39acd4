// The desk's side of the API: what people do about alerts, what is silenced, who was told, rules and their trials.
// Acts answer what they changed; open alerts are changed at once, before the stream says so.
import { get, id, post, remove } from './api.js';
import { alerts } from './alerts.js';
import { me } from './settings.js';

/** @typedef {AbortSignal} Signal */

/** Takes what an act answered into the open alerts. @param {any} answer @returns {any[]} what has changed */
function taken(answer) {
  const changed = answer.changed ?? [];
  const next = new Map(alerts.value);
  for (const alert of changed) if (next.has(alert.id)) next.set(alert.id, { ...next.get(alert.id), ...alert });
  alerts.set(next);
  return changed;
}

/** One act on several alerts. @param {string} what @param {string[]} ids @param {Record<string, any>} [more] */
const bulk = (what, ids, more = {}) => post(`alerts/${what}`, { ids, by: me(), ...more });

export const desk = {
  acknowledge: (/** @type {string[]} */ ids, comment = '') => bulk('acknowledge', ids, { comment }).then(taken),
  assign: (/** @type {string[]} */ ids, /** @type {string} */ to, comment = '') => bulk('assign', ids, { to, comment }).then(taken),
  close: (/** @type {string[]} */ ids, comment = '') => bulk('close', ids, { comment }).then(taken),
  comment: (/** @type {string[]} */ ids, /** @type {string} */ text) => bulk('comment', ids, { text }).then(taken),
  label: (/** @type {string[]} */ ids, /** @type {boolean | null} */ yes, comment = '') => bulk('label', ids, { true: yes, comment }).then(taken),
  shelve: (/** @type {string[]} */ ids, /** @type {number} */ until, /** @type {string} */ reason, coming = false) => bulk('shelve', ids, { until: String(until), reason, coming }),
  start: (/** @type {string} */ alert) => post(`alerts/${id(alert)}/start`, { by: me() }).then(taken),

  /** Alerts of any time, by the server's filters. */
  list: (/** @type {Record<string, any>} */ query, /** @type {Signal} */ signal) => get('alerts', query, signal),
  toldOf: (/** @type {string} */ alert, /** @type {Signal} */ signal) => get('notices', { alert, limit: 200 }, signal).then((page) => page.notices),

  calendar: (/** @type {number} */ start, /** @type {number} */ end, /** @type {Signal} */ signal) => get('calendar', { start, end }, signal).then((found) => found.spans),
  windows: (/** @type {Signal} */ signal) => get('maintenance', {}, signal).then((found) => found.windows),
  shelvings: (/** @type {Signal} */ signal) => get('shelvings', {}, signal).then((found) => found.shelvings),
  plan: (/** @type {Record<string, any>} */ window) => post('maintenance', { by: me(), ...window }),
  silence: (/** @type {Record<string, any>} */ shelving) => post('shelvings', { by: me(), ...shelving }),
  cancel: (/** @type {string} */ kind, /** @type {string} */ one) => post(`${kind === 'shelving' ? 'shelvings' : 'maintenance'}/${id(one)}/cancel`, { by: me() }),

  notices: (/** @type {Record<string, any>} */ query, /** @type {Signal} */ signal) => get('notices', query, signal),
  channels: (/** @type {Signal} */ signal) => get('notices/channels', {}, signal).then((found) => found.channels),
  preview: (/** @type {Record<string, any>} */ what) => post('notices/preview', what).then((found) => found.notices),
  retry: (/** @type {number} */ notice) => post(`notices/${notice}/retry`, {}),
  test: (/** @type {string} */ channel) => post('notices/test', { channel, by: me() }),

  rules: (/** @type {Signal} */ signal) => get('rules', {}, signal).then((found) => found.rules),
  tryRules: (/** @type {Record<string, any>} */ order) => post('trials', { by: me(), ...order }),
  trial: (/** @type {string} */ trial, /** @type {Signal} */ signal) => get(`trials/${id(trial)}`, { episodes: 200 }, signal),
  endTrial: (/** @type {string} */ trial) => remove(`trials/${id(trial)}`),
};
