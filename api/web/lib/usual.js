// What is usual for a point, hour by hour, from its own last four weeks before an episode: the same hours on days of the same kind.
// Said to be that and nothing more; where the rule itself holds an expectation, that one is drawn instead.
import { usualNow } from './overview.js';
import { zoneOffset } from './format.js';

const HOUR = 3_600_000;
/** Longer stretches are drawn without: the band would cost more than it tells. */
const MOST = 240;

/**
 * @param {{at: number[], value: (number | null)[]}} hourly windows of an hour @param {number} from @param {number} to
 * @param {number} before what comes later is not learned from @param {string} zone @param {string} label
 * @returns {import('../chart/series.js').Band[]} runs of hours for which enough is known
 */
export function usualBands(hourly, from, to, before, zone, label) {
  if ((to - from) / HOUR > MOST) return [];
  const kept = hourly.at.map((ms, i) => [ms, hourly.value[i]]).filter(([ms]) => Number(ms) + HOUR <= before);
  const past = { at: kept.map(([ms]) => Number(ms)), value: kept.map(([, v]) => v) };
  const bands = [];
  let open = null;
  for (let at = Math.floor(from / HOUR) * HOUR; at <= to; at += HOUR) {
    // learned from what lies behind; the moment is moved on by weeks so that all of it lies far enough behind
    const ahead = at + Math.max(0, Math.ceil((before - at + 13 * HOUR) / (168 * HOUR))) * 168 * HOUR;
    const found = usualNow(past, ahead + HOUR / 2, zoneOffset(at, zone));
    if (!found) open = null;
    else {
      if (!open) bands.push((open = { at: [], low: [], high: [], label }));
      open.at.push(at + HOUR / 2);
      open.low.push(found.low);
      open.high.push(found.high);
    }
  }
  return bands;
}
