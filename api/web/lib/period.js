// Calendar periods in a site's local time: where one begins and ends, the one before, and last year's. Pure: the zone's offset is
// a function of the moment, in minutes. A day of daylight saving has 23 or 25 hours here as on the wall.

/** @typedef {'day' | 'week' | 'month' | 'year'} Period */
/** @typedef {(ms: number) => number} Offset minutes of the zone from UTC */

/** @type {Period[]} */
export const PERIODS = ['day', 'week', 'month', 'year'];
/** What a period is told by. @type {Record<Period, string>} */
export const STEP = { day: 'hour', week: 'day', month: 'day', year: 'month' };
const DAY = 86_400_000;
const QUARTER = 900_000;
/** A quarter-hour is closed so long after its end. */
const GRACE = 120_000;

/** Milliseconds of "2026-11-24" as if it were UTC. @param {string} date */
const civil = (date) => Date.parse(`${date}T00:00:00Z`);
/** @param {number} wall civil milliseconds */
const written = (wall) => new Date(wall).toISOString().slice(0, 10);

/** Local midnight of a civil date. @param {number} wall civil ms @param {Offset} offset */
export function midnight(wall, offset) {
  const guess = wall - offset(wall) * 60_000;
  return wall - offset(guess) * 60_000;
}

/** The first civil day of the period that holds a date. @param {Period} period @param {string} date */
export function first(period, date) {
  const day = new Date(civil(date));
  if (period === 'week') return written(+day - ((day.getUTCDay() + 6) % 7) * DAY);
  if (period === 'month') return `${date.slice(0, 7)}-01`;
  return period === 'year' ? `${date.slice(0, 4)}-01-01` : date;
}

/** The first day of the period `n` further on. @param {Period} period @param {string} date @param {number} n */
export function moved(period, date, n) {
  const day = new Date(civil(first(period, date)));
  if (period === 'day' || period === 'week') return written(+day + n * (period === 'day' ? DAY : 7 * DAY));
  const months = period === 'month' ? n : 12 * n;
  return written(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + months, 1));
}

/** The same period a year ago: by date for months and years, 52 weeks ago for days and weeks, so that weekdays meet. @param {Period} period @param {string} date */
export const yearAgo = (period, date) => (period === 'month' || period === 'year' ? moved(period, date, period === 'month' ? -12 : -1) : written(civil(first(period, date)) - 364 * DAY));

/** A period's span, ms. @param {Period} period @param {string} date @param {Offset} offset */
export const spanOf = (period, date, offset) => ({ start: midnight(civil(first(period, date)), offset), end: midnight(civil(moved(period, date, 1)), offset) });

/**
 * The span that is asked for: a running period ends with the last closed quarter-hour.
 * @param {Period} period @param {string} date @param {Offset} offset @param {number} now
 */
export function soFar(period, date, offset, now) {
  const { start, end } = spanOf(period, date, offset);
  const closed = Math.max(start + QUARTER, Math.floor((now - GRACE) / QUARTER) * QUARTER);
  return { start, end: Math.min(end, closed), whole: closed >= end };
}

/** As much of another period as has passed of this one. @param {{start: number, end: number, whole: boolean}} span @param {{start: number, end: number}} other */
export const alike = (span, other) => ({ start: other.start, end: span.whole ? other.end : Math.min(other.end, other.start + (span.end - span.start)) });
