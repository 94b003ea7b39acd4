// An alert in one sentence: what, where, since when. The rule's own title wins; else the kind's sentence from the catalogue.
// Rules speak of canonical values; here they get their unit and their place.
import { known, named, t, word } from './i18n.js';
import { duration, measure, since, valueText } from './format.js';
import { now } from './clock.js';
import { RATES } from './units.js';
import { nodeOf } from './facility.js';

/** What the value of an alert is in. A kind that finds silence or a rest speaks of seconds; a register is judged by its rate. */
const OF_KIND = { stale: 's', stuck: '' };

/** @param {any} alert */
function pointLike(alert) {
  const own = alert.value_unit || alert.evidence?.unit;
  if (own && own !== alert.unit) return { unit: own };
  const unit = OF_KIND[alert.kind] || alert.unit || '1';
  return unit in RATES && COUNTERS.has(alert.metric) ? { unit: RATES[unit].unit } : { unit, metric: OF_KIND[alert.kind] ? '' : alert.metric };
}
const COUNTERS = new Set(['energy', 'energy_export', 'reactive_energy', 'apparent_energy', 'heat', 'water', 'gas']);

/** @param {any} alert */
export function amounts(alert) {
  const like = pointLike(alert);
  return {
    value: measure(alert.value, like), worst: measure(alert.worst ?? alert.value, like), limit: measure(alert.limit, like),
    bare: valueText(alert.value, like).text,
  };
}

/** A value in the quantity that the alert speaks of. @param {any} alert @param {number | null | undefined} value */
export const inUnit = (alert, value) => measure(value, pointLike(alert));

/** How long the episode has lasted, or lasted. @param {any} alert */
export const lasted = (alert) => (alert.resolved ?? now()) - alert.since;

/** What the alert is about, in words: the equip and the quantity. @param {any} alert */
export function about(alert) {
  const node = nodeOf(alert.node);
  const place = node ? named(node.name) || node.id : alert.target;
  return alert.metric ? t('says.what', { place, metric: word('metric', alert.metric) }) : place;
}

/** The sentence. @param {any} alert @param {string} zone */
export function sentence(alert, zone) {
  const { value, worst, limit } = amounts(alert);
  const params = { what: about(alert), value, worst, limit, since: since(alert.since, zone, now()), v: duration(lasted(alert)), metric: word('metric', alert.metric ?? '') };
  const own = named(alert.title);
  if (own && own !== `${alert.rule}: ${alert.target}`) return own;
  const direction = alert.limit !== null && alert.limit !== undefined && (alert.worst ?? alert.value) < alert.limit ? 'below' : 'above';
  const over = alert.condition === 'resolved' ? 'was' : 'is';
  for (const key of [`says.${alert.kind}.${direction}.${over}`, `says.${alert.kind}.${over}`]) if (known(key)) return t(key, params);
  return t(`says.other.${over}`, { ...params, kind: word('rulekind', alert.kind) });
}
