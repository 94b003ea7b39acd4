// Periods and their steps in words of the person's language.
import { locale } from './i18n.js';
import { clock, dayOf, moment } from './format.js';
import { spanOf } from './period.js';

const format = (zone, options) => new Intl.DateTimeFormat(locale(), { timeZone: zone || undefined, hourCycle: 'h23', ...options });

/** Two days as a span. Chinese ranges of Intl fall back to figures and slashes, so the parts are put together here. @param {Intl.DateTimeFormat} day @param {number} start @param {number} last */
export function daySpan(day, start, last) {
  const [from, to] = [day.format(start), day.format(last)];
  if (!locale().startsWith('zh') || from === to) return day.formatRange(start, last);
  const year = /^\d+年/.exec(from)?.[0] ?? '';
  return `${from} – ${year && to.startsWith(year) ? to.slice(year.length) : to}`;
}

/** "November 2026", "16–22 Nov 2026" @param {any} period @param {string} date @param {(ms: number) => number} offset @param {string} zone */
export function spanWords(period, date, offset, zone) {
  const { start, end } = spanOf(period, date, offset);
  if (period === 'year') return format(zone, { year: 'numeric' }).format(start);
  if (period === 'month') return format(zone, { year: 'numeric', month: 'long' }).format(start);
  const day = format(zone, { year: 'numeric', month: 'short', day: 'numeric', weekday: period === 'day' ? 'short' : undefined });
  return period === 'day' ? day.format(start) : daySpan(day, start, end - 3_600_000);
}

/** How the steps of a period are named, and how many a whole one has. @param {any} period @param {string} zone */
export function barWords(period, zone) {
  const month = format(zone, { month: 'short' });
  const day = format(zone, { day: 'numeric', month: 'short', weekday: 'short' });
  const number = format(zone, { day: 'numeric' });
  const short = { day: (ms) => clock(ms, zone), week: (ms) => day.format(ms), month: (ms) => number.format(ms), year: (ms) => month.format(ms) }[period];
  const when = { day: (ms) => moment(ms, zone), week: (ms) => day.format(ms), month: (ms) => day.format(ms), year: (ms) => format(zone, { month: 'long', year: 'numeric' }).format(ms) }[period];
  const count = (date) => ({ day: 24, week: 7, month: new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate(), year: 12 })[period];
  return { short, when, count };
}

/** The short name of a local day "2026-11-24". @param {string} day */
export const dayWords = (day) => format('UTC', { day: 'numeric', month: 'short', weekday: 'short' }).format(Date.parse(`${day}T12:00:00Z`));

/** From when to when, the day once where both lie in it; whole days without the clock. @param {number} start @param {number} end @param {string} zone */
export function fromTo(start, end, zone) {
  const day = format(zone, { day: 'numeric', month: 'short' });
  if (clock(start, zone) === '00:00' && clock(end, zone) === '00:00') return daySpan(day, start, end - 60_000);
  return dayOf(start, zone) === dayOf(end - 1, zone) ? `${moment(start, zone)} – ${clock(end, zone)}` : `${moment(start, zone)} – ${moment(end, zone)}`;
}

/** When something arrived that was true at `at`: the clock to the second, with the date where it is another day. @param {number} ms @param {number} at @param {string} zone */
export const arrived = (ms, at, zone) => (dayOf(ms, zone) === dayOf(at, zone) ? format(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms) : moment(ms, zone));
