// Figures of consumption as the page shows them: units by column, rates, money, changes, what is doubtful about a figure.
import { locale, t } from './i18n.js';
import { number, valueText } from './format.js';
import { displayOf } from './units.js';

export const METRICS = ['energy', 'water', 'gas', 'heat', 'fuel_used'];
/** Share of time missing or held up to which two totals are compared. */
const WHOLE = 0.02;

/** @param {any} branch @param {string} metric */
export const figureOf = (branch, metric) => branch.figures.find((one) => one.metric === metric);

/** The tops of a summary: what is added up for a total. @param {any} summary */
export const tops = (summary) => summary.branches.filter((one) => !one.parent);

/** The carriers that are metered, in a fixed order. @param {any} summary */
export const carriers = (summary) => METRICS.filter((metric) => summary.branches.some((one) => figureOf(one, metric)));

/** The sum of figures of one metric; undefined without any. @param {any[]} branches @param {string} metric */
export function total(branches, metric) {
  const found = branches.map((one) => figureOf(one, metric)).filter(Boolean);
  if (!found.length) return undefined;
  const mark = (name) => Math.max(...found.map((one) => one.quality[name]));
  const sum = found.reduce((all, one) => all + one.value, 0);
  const weigh = (name) => (sum ? found.reduce((all, one) => all + one.value * one.quality[name], 0) / sum : mark(name));
  return { metric, unit: found[0].unit, value: sum, quality: { ...found[0].quality, missing: mark('missing'), held: mark('held'), spread: weigh('spread'), estimated: weigh('estimated'), revision: mark('revision'), negative: mark('negative') } };
}

/** Whether a figure says something: some of its time is known. @param {any} figure */
export const isKnown = (figure) => Boolean(figure) && figure.quality.missing < 0.99999;

/** One display for a column. @param {any[]} figures */
export const columnOf = (figures) => displayOf(figures[0]?.unit ?? 'Wh', Math.max(0, ...figures.map((one) => Math.abs(one.value))), figures[0]?.metric ?? '');

/** A rate that the API gives per hour, in the canonical unit of a gauge: W, or m3/s. @param {string} unit @param {number | null} perHour */
export const rateOf = (unit, perHour) => (perHour === null ? null : unit === 'Wh' ? perHour : perHour / 3600);
/** The gauge that a rate is drawn as. @param {string} unit @param {string} metric */
export const gaugeOf = (unit, metric) => ({ id: metric, unit: unit === 'Wh' ? 'W' : `${unit}/s`, metric: metric === 'fuel_used' ? 'fuel_rate' : '', nature: 'gauge' });

/** @param {number | null | undefined} amount @param {string} currency */
export function money(amount, currency) {
  if (amount === null || amount === undefined || !currency) return '–';
  const digits = Math.abs(amount) >= 100 ? 0 : 2;
  return new Intl.NumberFormat(locale(), { style: 'currency', currency, currencyDisplay: 'narrowSymbol', minimumFractionDigits: digits, maximumFractionDigits: digits }).format(amount);
}

/** A share or change in per cent. @param {number | null | undefined} ratio @param {boolean} [signed] */
export function percent(ratio, signed = false) {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return '–';
  const size = Math.abs(ratio * 100);
  return new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: size < 10 ? 1 : 0, signDisplay: signed ? 'exceptZero' : 'auto' }).format(ratio);
}

/**
 * How much more than another period; undefined with the reason where that cannot be said.
 * @param {any} figure @param {any} other @returns {{change?: number, why: string}}
 */
export function changed(figure, other) {
  if (!figure || !other || !isKnown(other)) return { why: t('energy.no.other') };
  const open = (one) => one.quality.missing + one.quality.held > WHOLE;
  if (open(other)) return { why: t('energy.no.otherWhole', { v: percent(other.quality.missing + other.quality.held) }) };
  if (open(figure)) return { why: t('energy.no.whole', { v: percent(figure.quality.missing + figure.quality.held) }) };
  if (!other.value) return { why: t('energy.no.zero') };
  return { change: figure.value / other.value - 1, why: '' };
}

/** What is doubtful about a figure, the worst first: kind and words. @param {any} quality @returns {{kind: string, text: string, title: string}[]} */
export function doubts(quality) {
  const made = [];
  const add = (kind, share) => share > 0.0005 && made.push({ kind, text: `${t(`mark.${kind}`)} ${percent(share)}`, title: t(`markwhy.${kind}`) });
  add('missing', quality.missing);
  add('held', quality.held);
  add('spread', quality.spread);
  if (quality.estimated - quality.spread > 0.0005) add('estimated', quality.estimated - quality.spread);
  if (quality.negative) made.push({ kind: 'negative', text: t('mark.negative'), title: t('markwhy.negative') });
  if (quality.revision) made.push({ kind: 'restated', text: t('mark.restated'), title: t('markwhy.restated', { v: number(quality.revision, 0) }) });
  return made;
}

/** kg as the column shows them, with what they are of. @param {number | null | undefined} kg @param {number} most @param {string} of 'CO₂' or 'ce' */
export function mass(kg, most, of) {
  const { text, unit } = valueText(kg, { unit: 'kg' }, displayOf('kg', most));
  return { text, unit: unit ? `${unit}${of}` : '' };
}
