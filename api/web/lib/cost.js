// What an alert costs, in words: money with its currency, energy or volume, carbon, standard coal; unknown is a dash with its reason.
import { locale, named, t } from './i18n.js';
import { measure, number } from './format.js';

/** @param {number | null | undefined} value @param {string} [currency] ISO 4217, '' where it is not known */
export function money(value, currency = '') {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : 2;
  const how = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  if (!/^[A-Z]{3}$/.test(currency)) return value.toLocaleString(locale(), how);
  return value.toLocaleString(locale(), { style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...how });
}

/** The cost that the evidence of an alert holds, as a table; null where there is none. @param {any} alert */
export function costOf(alert) {
  const cost = alert.evidence?.cost;
  if (typeof cost === 'number') return { money: cost, currency: '' };
  return cost && typeof cost === 'object' ? cost : null;
}

/** The amount of a part of the cost: energy or volume, with how much of it is estimated. @param {any} cost */
function amount(cost) {
  if (typeof cost?.energy === 'number') return measure(cost.energy, { unit: 'Wh', nature: 'gauge' });
  return typeof cost?.volume === 'number' ? measure(cost.volume, { unit: 'm3', metric: 'water' }) : '';
}

/** The rows of the cost panel: [name, words]; those that are not known are left out. @param {any} alert */
export function costRows(alert) {
  const cost = costOf(alert);
  const perDay = cost?.per_day ?? alert.cost;
  const currency = cost?.currency || alert.currency || '';
  const rows = [];
  const estimated = cost?.share_estimated > 0 ? ` ${t('cost.estimated', { v: number(cost.share_estimated * 100, 0) })}` : '';
  if (amount(cost)) rows.push([t(typeof cost.energy === 'number' ? 'cost.energy' : 'cost.volume'), `${amount(cost)}${estimated}`]);
  if (cost && typeof cost.money === 'number') rows.push([t('cost.money'), money(cost.money, currency)]);
  if (cost && typeof cost.carbon === 'number') rows.push([t('cost.carbon'), `${measure(cost.carbon, { unit: 'kg' })} CO₂`]);
  if (cost && typeof cost.coal === 'number') rows.push([t('cost.coal'), `${measure(cost.coal, { unit: 'kg' })}ce`]);
  const left = typeof perDay === 'number' ? money(perDay, currency) : amount(cost?.day);
  if (left && alert.condition !== 'resolved') rows.push([t('cost.perDay'), t('cost.aDay', { v: left })]);
  return rows;
}

/** Why there is no price. @param {any} alert */
export const unpriced = (alert) => (costOf(alert)?.why ? t('cost.because', { why: named(costOf(alert).why) }) : t('cost.none'));

/** The cost in a list: money a day if it is left. @param {any} alert */
export const perDay = (alert) => (typeof alert.cost === 'number' ? money(alert.cost, alert.currency || costOf(alert)?.currency || '') : '–');
