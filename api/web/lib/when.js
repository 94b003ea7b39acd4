// Wall-clock times of a site to and from what <input type="datetime-local"> and <input type="date"> hold.
import { dayOf, startOfDay, zoneOffset } from './format.js';

const DAY = 86_400_000;

/** "2026-11-24T18:00" in a zone -> epoch ms; NaN for anything else. @param {string} text @param {string} zone */
export function fromWall(text, zone) {
  const wall = Date.parse(`${text}${text.length === 10 ? 'T00:00' : ''}Z`);
  if (Number.isNaN(wall)) return NaN;
  const guess = wall - zoneOffset(wall, zone) * 60_000;
  // beside a change of the clock the offset at the guess is the one that counts
  return wall - zoneOffset(guess, zone) * 60_000;
}

/** Epoch ms -> "2026-11-24T18:00" in a zone. @param {number} ms @param {string} zone */
export const toWall = (ms, zone) => new Date(ms + zoneOffset(ms, zone) * 60_000).toISOString().slice(0, 16);

/** Local midnights from the one that holds `from`, `count` days on, with the end of the last. @param {number} from @param {number} count @param {string} zone */
export function midnights(from, count, zone) {
  const out = [startOfDay(from, zone)];
  // noon of the next day is the next day whatever the clocks do
  for (let i = 0; i < count; i += 1) out.push(startOfDay(out[i] + 1.5 * DAY, zone));
  return out;
}

/** Monday of the week that holds a moment. @param {number} ms @param {string} zone */
export function mondayOf(ms, zone) {
  const day = new Date(`${dayOf(ms, zone)}T00:00Z`);
  return startOfDay(startOfDay(ms, zone) + DAY / 2 - ((day.getUTCDay() + 6) % 7) * DAY, zone);
}

/** The first of the month that holds a moment, and how many days it has. @param {number} ms @param {string} zone */
export function monthOf(ms, zone) {
  const [year, month] = dayOf(ms, zone).split('-').map(Number);
  return { start: fromWall(`${year}-${String(month).padStart(2, '0')}-01`, zone), days: new Date(Date.UTC(year, month, 0)).getUTCDate() };
}
