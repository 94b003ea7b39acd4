// Numbers, times and durations as text, through Intl; nothing here knows the page. Times are epoch milliseconds.
import { locale, named, t, word } from './i18n.js';
import { decimals, displayOf, registerOf, shown } from './units.js';

/** @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat>} */
const cache = new Map();

/** @param {number} digits @returns {Intl.NumberFormat} */
function numberFormat(digits) {
  const key = `n${locale()}${digits}`;
  let format = cache.get(key);
  if (!format) cache.set(key, (format = new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits })));
  return /** @type {Intl.NumberFormat} */ (format);
}

/** @param {string} zone @param {Intl.DateTimeFormatOptions} options @returns {Intl.DateTimeFormat} */
function dateFormat(zone, options) {
  const key = `d${locale()}${zone}${JSON.stringify(options)}`;
  let format = cache.get(key);
  if (!format) cache.set(key, (format = new Intl.DateTimeFormat(locale(), { hourCycle: 'h23', timeZone: zone || undefined, ...options })));
  return /** @type {Intl.DateTimeFormat} */ (format);
}

/** @param {number} value @param {number} digits */
export const number = (value, digits) => numberFormat(digits).format(value);

/** A count with the language's grouping. @param {number} value */
export const count = (value) => numberFormat(0).format(value);

/**
 * A canonical value as {text, unit}; no value is a dash, never a zero.
 * @param {number | null | undefined} value
 * @param {{unit?: string, metric?: string, nature?: string, states?: Record<string, any>}} point
 * @param {import('./units.js').Display} [display] fixed by the column
 */
export function valueText(value, point, display) {
  if (value === null || value === undefined || Number.isNaN(value)) return { text: '–', unit: '' };
  if (point.nature === 'state') return { text: stateText(value, point), unit: '' };
  const used = display ?? (point.nature === 'counter' ? registerOf(point.unit ?? '1', point.metric) : displayOf(point.unit ?? '1', value, point.metric));
  const scaled = shown(value, used);
  const digits = point.nature === 'counter' && used.digits === undefined ? (Math.abs(scaled) >= 10_000 ? 0 : 1) : used.symbol === '' && Number.isInteger(scaled) ? 0 : decimals(scaled, used);
  return { text: number(scaled, digits), unit: used.symbol };
}

/** @param {number} value @param {{metric?: string, states?: Record<string, any>}} point */
export function stateText(value, point) {
  const own = point.states?.[String(Math.round(value))];
  if (own) return word('state', named(own));
  const pair = STATE_WORDS[point.metric ?? ''];
  if (pair && (value === 0 || value === 1)) return t(pair[value]);
  return number(value, Number.isInteger(value) ? 0 : 2);
}

const STATE_WORDS = {
  on: ['state.off', 'state.on'], open: ['state.closed', 'state.open'], occupied: ['state.empty', 'state.occupied'],
  motion: ['state.still', 'state.motion'], ignition: ['state.off', 'state.on'], charging: ['state.no', 'state.yes'],
  moving: ['state.parked', 'state.moving'], alarm: ['state.normal', 'state.alarm'], fault: ['state.normal', 'state.fault'],
  enabled: ['state.no', 'state.yes'],
};

/** value with its unit in one string. @param {number | null | undefined} value @param {any} point */
export function measure(value, point) {
  const { text, unit } = valueText(value, point);
  return unit ? `${text} ${unit}` : text;
}

const STEPS = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1000]];

/** A duration in words of one unit, two below two days: "47 min", "16 h", "1 d 4 h". @param {number} ms */
export function duration(ms) {
  const size = Math.max(0, ms);
  if (size < 1000) return t('time.s', { v: '0' });
  const index = STEPS.findIndex(([, step]) => size >= Number(step));
  const [unit, step] = STEPS[index];
  const whole = Math.floor(size / Number(step));
  const head = t(`time.${unit}`, { v: count(whole) });
  if (whole >= 3 || index === STEPS.length - 1 || unit === 'min') return head;
  const [small, less] = STEPS[index + 1];
  const rest = Math.floor((size - whole * Number(step)) / Number(less));
  return rest ? `${head} ${t(`time.${small}`, { v: count(rest) })}` : head;
}

/** A duration in one unit, for columns: minutes to two hours, hours to two days, then days. @param {number} ms */
export function brief(ms) {
  if (ms < 7_200_000) return t('time.min', { v: count(Math.floor(Math.max(0, ms) / 60_000)) });
  return ms < 172_800_000 ? t('time.h', { v: count(Math.floor(ms / 3_600_000)) }) : t('time.d', { v: count(Math.floor(ms / 86_400_000)) });
}

/** The age of a value, short. @param {number} ms */
export const age = (ms) => (ms < 10_000 && ms >= 0 ? t('time.s', { v: number(ms / 1000, ms < 9950 ? 1 : 0) }) : duration(ms));

/** @param {number} ms @param {string} zone */
export const clock = (ms, zone) => dateFormat(zone, { hour: '2-digit', minute: '2-digit' }).format(ms);
/** @param {number} ms @param {string} zone */
export const moment = (ms, zone) => dateFormat(zone, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(ms);
/** @param {number} ms @param {string} zone */
export const exact = (ms, zone) =>
  dateFormat(zone, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);

/** The clock today, date and clock otherwise. @param {number} ms @param {string} zone @param {number} now */
export const since = (ms, zone, now) => (dayOf(ms, zone) === dayOf(now, zone) ? clock(ms, zone) : moment(ms, zone));

/** The local day as YYYY-MM-DD. @param {number} ms @param {string} zone */
export const dayOf = (ms, zone) =>
  new Intl.DateTimeFormat('en-CA', { timeZone: zone || undefined, year: 'numeric', month: '2-digit', day: '2-digit' }).format(ms);

/** Offset of a zone from UTC at a moment, in minutes. @param {number} ms @param {string} zone */
export function zoneOffset(ms, zone) {
  const key = `o${zone}`;
  let format = cache.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone || undefined, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    cache.set(key, format);
  }
  const parts = Object.fromEntries(/** @type {Intl.DateTimeFormat} */ (format).formatToParts(ms).map((part) => [part.type, Number(part.value)]));
  const wall = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  return Math.round((wall - Math.floor(ms / 1000) * 1000) / 60_000);
}

/** Start of the local day that holds `ms`. @param {number} ms @param {string} zone */
export function startOfDay(ms, zone) {
  const offset = zoneOffset(ms, zone) * 60_000;
  const guess = Math.floor((ms + offset) / 86_400_000) * 86_400_000 - offset;
  // the offset at midnight may differ from the one now (daylight saving)
  return guess + offset - zoneOffset(guess, zone) * 60_000;
}
