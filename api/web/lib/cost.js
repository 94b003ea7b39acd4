// What an alert costs, in words: money with its currency, energy or volume, carbon, standard coal; unknown is a dash with its reason.
import { locale, t } from './i18n.js';
import { measure } from './format.js';

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

/** The rows of the cost panel: [name, words]; those that are not known are left out. @param {any} alert */
export function costRows(alert) {
  const cost = costOf(alert);
  const perDay = cost?.per_day ?? alert.cost;
  const currency = cost?.currency ?? '';
  const rows = [];
  if (cost && typeof cost.energy === 'number') rows.push([t('cost.energy'), measure(cost.energy, { unit: 'Wh', nature: 'gauge' })]);
  if (cost && typeof cost.volume === 'number') rows.push([t('cost.volume'), measure(cost.volume, { unit: 'm3', metric: 'water' })]);
  if (cost && typeof cost.money === 'number') rows.push([t('cost.money'), money(cost.money, currency)]);
  if (cost && typeof cost.carbon === 'number') rows.push([t('cost.carbon'), `${measure(cost.carbon, { unit: 'kg' })} CO₂`]);
  if (cost && typeof cost.coal === 'number') rows.push([t('cost.coal'), `${measure(cost.coal, { unit: 'kg' })}ce`]);
  if (typeof perDay === 'number' && alert.condition !== 'resolved') rows.push([t('cost.perDay'), t('cost.aDay', { v: money(perDay, currency) })]);
  return rows;
}

/** The cost in a list: money a day if it is left. @param {any} alert */
export const perDay = (alert) => (typeof alert.cost === 'number' ? money(alert.cost, costOf(alert)?.currency ?? alert.currency ?? '') : '–');
