// Sums over a place from the live values of its main meters (the server says which those are), and what is usual at this hour.
// Pure; the Now view asks and draws.

/**
 * The sum of several points now: of those that are fresh, or, where none is, of what they last said. `at` is the oldest part's
 * moment, `fresh` how many can be taken for present. Undefined where none has ever said anything.
 * @param {({value: number | null, at: number, state: number} | undefined)[]} latest
 */
export function sumNow(latest) {
  const heard = latest.filter((one) => one && one.value !== null && one.at);
  const fresh = heard.filter((one) => one?.state === 0);
  const used = fresh.length ? fresh : heard;
  if (!used.length) return undefined;
  return { value: used.reduce((sum, one) => sum + Number(one?.value), 0), at: Math.min(...used.map((one) => Number(one?.at))), fresh: fresh.length };
}

/**
 * The live sum; while the page does not know the newest value of every part, the sum that the server gave.
 * @param {({value: number | null, at: number, state: number} | undefined)[]} latest
 * @param {{power: number | null, power_at: number, power_fresh: number}} told
 */
export function liveSum(latest, told) {
  if (latest.length && latest.every(Boolean)) return sumNow(latest);
  return told.power === null ? undefined : { value: told.power, at: told.power_at, fresh: told.power_fresh };
}

/**
 * Adds up series that stand on one grid of windows; a window that one of them lacks is a gap of the sum.
 * @param {{at: number[], value: (number | null)[]}[]} series
 */
export function sumSeries(series) {
  /** @type {Map<number, {sum: number, n: number}>} */
  const grid = new Map();
  for (const { at, value } of series) {
    at.forEach((ms, i) => {
      const v = value[i];
      if (v === null) return;
      const cell = grid.get(ms) ?? { sum: 0, n: 0 };
      grid.set(ms, { sum: cell.sum + v, n: cell.n + 1 });
    });
  }
  const at = [...grid.keys()].sort((a, b) => a - b);
  return { at, value: at.map((ms) => { const cell = /** @type {{sum: number, n: number}} */ (grid.get(ms)); return cell.n === series.length ? cell.sum : null; }) };
}

/**
 * What is usual at this hour: the range of the hours around it (one before to one after) on earlier days of the same kind
 * (workday or not), without the outermost tenth.
 * Undefined below four such days: too little to call anything usual.
 * @param {{at: number[], value: (number | null)[]}} hourly @param {number} now ms @param {number} offset of the zone, minutes
 */
export function usualNow(hourly, now, offset) {
  const local = (/** @type {number} */ ms) => ms + offset * 60_000;
  const hour = Math.floor(local(now) / 3_600_000) % 24;
  const rest = (/** @type {number} */ ms) => [2, 3].includes(Math.floor(local(ms) / 86_400_000) % 7);
  const same = [];
  const days = new Set();
  hourly.at.forEach((ms, i) => {
    const v = hourly.value[i];
    const away = Math.abs((Math.floor(local(ms) / 3_600_000) % 24) - hour);
    if (v === null || now - ms < 12 * 3_600_000 || Math.min(away, 24 - away) > 1 || rest(ms) !== rest(now)) return;
    same.push(v);
    days.add(Math.floor(local(ms) / 86_400_000));
  });
  if (days.size < 4) return undefined;
  same.sort((a, b) => a - b);
  const at = (/** @type {number} */ q) => { const x = q * (same.length - 1); const i = Math.floor(x); return same[i] + (x - i) * ((same[i + 1] ?? same[i]) - same[i]); };
  return { low: at(0.1), high: at(0.9), days: days.size };
}
