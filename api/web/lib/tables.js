// A rule's table as a form: which keys are plain limits and spans, quantities taken apart and scaled, changes laid over. Pure.

/** Keys that a form does not offer: they name the rule or speak to people. */
const FIXED = new Set(['id', 'kind', 'severity', 'title', 'why', 'check', 'source', 'masks', 'enabled', 'match', 'while', 'period']);

/** The keys with a plain value that can be changed, limits first, spans after. @param {Record<string, any>} table @returns {string[]} */
export function fieldsOf(table) {
  const keys = Object.keys(table).filter((key) => !FIXED.has(key) && (typeof table[key] === 'number' || quantity(table[key])));
  const late = (/** @type {string} */ key) => Number(['for', 'keep_firing_for', 'max_gap'].includes(key));
  return keys.sort((a, b) => late(a) - late(b));
}

/** "90kW" -> {number: 90, unit: "kW"}; anything else undefined. @param {any} value */
export function quantity(value) {
  if (typeof value === 'number') return { number: value, unit: '' };
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*([^\d\s][^\s]*)?\s*$/.exec(String(value));
  return found ? { number: Number(found[1]), unit: found[2] ?? '' } : undefined;
}

/** What a field of the form says, in the type that the table had. @param {string} text @param {any} old */
export function readField(text, old) {
  const said = text.trim();
  return typeof old === 'number' && said !== '' && Number.isFinite(Number(said)) ? Number(said) : said;
}

/** Values around the present one, for a sweep: from 60 to 160 per cent. @param {any} value @returns {string} divided by commas */
export function around(value) {
  const found = quantity(value);
  if (!found || !found.number) return '';
  const seen = new Set([0.6, 0.8, 0.9, 1, 1.1, 1.25, 1.6].map((share) => `${Number((found.number * share).toPrecision(3))}${found.unit}`));
  return [...seen].join(', ');
}

/** The values of a sweep as the API takes them. @param {string} text @param {any} old */
export const listOf = (text, old) => text.split(/[,，;]/).map((part) => part.trim()).filter(Boolean).map((part) => readField(part, old));

/** The table with changes laid over; '' takes a key out. @param {Record<string, any>} table @param {Record<string, any>} changes */
export function changed(table, changes) {
  const out = { ...table, ...changes };
  for (const [key, value] of Object.entries(changes)) if (value === '') delete out[key];
  return out;
}

/** A sentence of a rule, with a dash of dots where a figure will stand. @param {string} text */
export const outline = (text) => text.replace(/\{\w+\}[.。]?/g, '…').replaceAll('`', '');

/** The clauses of a sentence before the first that needs a figure; '' where that is the first. @param {string} text */
export function gist(text) {
  const hole = text.search(/\{\w+\}/);
  if (hole < 0) return outline(text);
  const clauses = /^(.*[.;:。；：])(?:\s|(?<=[。；：]))/s.exec(text.slice(0, hole));
  return clauses ? outline(clauses[1]).replace(/[;:；：]$/, '') : '';
}

/** Whether two tables say the same. @param {any} a @param {any} b @returns {boolean} */
export function same(a, b) {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
}
