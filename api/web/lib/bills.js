// Suppliers' bills as the page shows them: names of lines, exact money, where a bill's time and its explanations lead in the ledger.
import { known, locale, named, t } from './i18n.js';
import { trail } from './facility.js';
import { dayOf, number } from './format.js';
import { fromTo } from './spanwords.js';
import { percent } from './energy.js';
import { href } from './route.js';

const HOUR = 3_600_000;
/** What a bill may differ by before it is called different: rounding of its lines is less. */
const SAME = 0.005;
/** Lines that are no consumption, in the order of a bill. */
export const OTHER = ['demand', 'fixed', 'power_factor', 'tax', 'total'];

/** The name of a line: of a tariff period, of a part of the cost, or as the bill has it. @param {string} name */
export function lineName(name) {
  if (name === 'total') return t('tariff.total');
  for (const family of ['tou', 'costpart']) if (known(`${family}.${name}`)) return t(`${family}.${name}`);
  return name;
}

/** Money to the cent, as bills have it. @param {string | number | null | undefined} amount @param {string} currency @param {boolean} [signed] */
export function paid(amount, currency, signed = false) {
  if (amount === null || amount === undefined || amount === '' || !currency) return '–';
  return new Intl.NumberFormat(locale(), { style: 'currency', currency, currencyDisplay: 'narrowSymbol', signDisplay: signed ? 'exceptZero' : 'auto' }).format(Number(amount));
}

/** @param {number | null | undefined} value @param {string} unit @param {boolean} [signed] */
export function counted(value, unit, signed = false) {
  if (value === null || value === undefined) return '–';
  const digits = Math.abs(value) >= 1000 ? 0 : 2;
  return `${signed && value > 0 ? '+' : ''}${number(value, digits)} ${unit}`;
}

/** A figure of a bill in what it is compared by: money, or quantity. @param {any} bill @param {string} which @param {boolean} [signed] */
export const figureOf = (bill, which, signed = false) => (bill.of === 'money' ? paid(bill[which], bill.currency, signed) : counted(Number(bill[which]), bill.unit, signed));

/** How far a bill is from the ledger, as a share; undefined where the ledger has nothing. @param {any} bill */
export const offBy = (bill) => (Number(bill.ledger) ? Number(bill.difference) / Number(bill.ledger) : undefined);

/** Whether it is worth asking. @param {any} bill */
export const differs = (bill) => Math.abs(offBy(bill) ?? 1) > SAME;

/** "+¥1,200.00 (+4.1%)" @param {any} bill */
export const difference = (bill) => `${figureOf(bill, 'difference', true)}${offBy(bill) === undefined ? '' : ` (${percent(offBy(bill), true)})`}`;

/** @param {any} bill @param {string} zone */
export const periodOf = (bill, zone) => fromTo(bill.start, bill.end, zone) + (dayOf(bill.start, zone).slice(0, 4) === String(new Date().getFullYear()) ? '' : ` ${dayOf(bill.start, zone).slice(0, 4)}`);

/** Where a register counts: "Block A › Main meter › Energy". @param {any} point */
export function placed(point) {
  const places = trail(point.node).filter((node) => node.kind === 'site' || node.kind === 'equip').map((node) => named(node.name) || node.id);
  const own = named(point.name) || point.id;
  return [...places, own === places.at(-1) ? '' : own].filter(Boolean).join(' › ');
}

/** Periods as bills list them, the dearest first; those of other names behind. @param {string} name */
export const place = (name) => (['sharp', 'peak', 'flat', 'valley', 'deep_valley', ...OTHER].indexOf(name) + 20) % 20;

/** The ledger of the register over a span. @param {any} bill @param {number} start @param {number} end @param {string} step */
const ledger = (bill, start, end, step) => href('ledger', bill.point, { start: String(Math.round(start)), end: String(Math.round(end)), step, open: undefined });

/** The whole time of a bill. @param {any} bill */
export const intervals = (bill) => ledger(bill, bill.start, bill.end, 'day');

/** Where an explanation can be looked at: [words, address]. @param {any} bill @param {any} why @returns {[string, string][]} */
export function proofs(bill, why) {
  if (why.reason === 'reading_time') {
    const edge = (at, hours) => ledger(bill, Math.min(at, at + hours * HOUR) - 3 * HOUR, Math.max(at, at + hours * HOUR) + 3 * HOUR, 'hour');
    return [[t('bills.atStart'), edge(bill.start, why.figures.start_hours)], [t('bills.atEnd'), edge(bill.end, why.figures.end_hours)]];
  }
  if (why.reason === 'multiplier') return [[t('bills.theRegister'), href('point', bill.point)]];
  return why.reason === 'estimated' ? [[t('bills.intervals'), intervals(bill)]] : [];
}

/** A number as people type it: thousands divided by commas or blanks; NaN for anything else, undefined for nothing. @param {string} text */
export function typed(text) {
  const plain = text.replace(/[\s,，_¥￥]/g, '');
  if (!plain) return undefined;
  return /^[+-]?\d+(\.\d+)?$/.test(plain) ? plain : NaN;
}
