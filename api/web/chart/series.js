// From what the API answers to columns that a chart can draw. Pure. A gap in the data is a gap in the drawing.

/**
 * @typedef {{at: number[], mean: (number | null)[], min: (number | null)[], max: (number | null)[], quality?: number[]}} Columns
 * times in ms; canonical values
 */

/**
 * Puts a hole wherever two neighbours lie further apart than `longest`.
 * @param {Columns} columns @param {number} longest ms @returns {Columns}
 */
export function withGaps(columns, longest) {
  const out = { at: /** @type {number[]} */ ([]), mean: /** @type {(number | null)[]} */ ([]), min: /** @type {(number | null)[]} */ ([]), max: /** @type {(number | null)[]} */ ([]) };
  columns.at.forEach((at, i) => {
    const before = columns.at[i - 1];
    if (i > 0 && at - before > longest) {
      out.at.push(Math.round((before + at) / 2));
      out.mean.push(null);
      out.min.push(null);
      out.max.push(null);
    }
    out.at.push(at);
    out.mean.push(columns.mean[i]);
    out.min.push(columns.min[i]);
    out.max.push(columns.max[i]);
  });
  return out;
}

/** @typedef {{at: number[], low: number[], high: number[], label: string}} Band what is expected: canonical values */

/** The stretches without data, from the end of what is before to the start of what comes after. @param {Columns} columns */
export function holes({ at, mean }) {
  const out = [];
  for (let i = 1; i + 1 < at.length; i += 1) if (mean[i] === null && mean[i - 1] !== null) {
    let end = i + 1;
    while (end + 1 < at.length && mean[end] === null) end += 1;
    if (mean[end] !== null) out.push({ from: at[i - 1], to: at[end] });
  }
  return out;
}

/** How far apart samples may lie before it is a gap. @param {number} window ms, 0 for raw @param {number} interval expected, ms */
export const longestStep = (window, interval) => Math.max(interval * 3 + window, 1500);

/**
 * What flows, from the last reads of a register: mean rate between neighbours, standing at the later one. A fall (reset, swap)
 * is no flow: it is a gap.
 * @param {{at: number[], last: (number | null)[]}} reads @param {number} factor from unit a second to the rate's unit @returns {Columns}
 */
export function rates({ at, last }, factor) {
  const mean = at.map((ms, i) => {
    const [before, now] = [last[i - 1], last[i]];
    if (i === 0 || before === null || now === null || now < before) return null;
    return ((now - before) / ((ms - at[i - 1]) / 1000)) * factor;
  });
  return { at, mean, min: mean, max: mean };
}

/** Smallest and largest present value, undefined if there is none. @param {Columns} columns */
export function extent(columns) {
  let low = Infinity;
  let high = -Infinity;
  for (const v of columns.min) if (v !== null && v < low) low = v;
  for (const v of columns.max) if (v !== null && v > high) high = v;
  return low <= high ? { low, high } : undefined;
}

/** Moments inside (from, to) at which the zone's offset changes. @param {number} from @param {number} to @param {(ms: number) => number} offset minutes */
export function clockChanges(from, to, offset) {
  const changes = [];
  const step = 86_400_000;
  for (let at = from; at < to; at += step) {
    const end = Math.min(to, at + step);
    if (offset(at) === offset(end)) continue;
    let low = at;
    let high = end;
    while (high - low > 60_000) {
      const middle = (low + high) / 2;
      if (offset(middle) === offset(at)) low = middle;
      else high = middle;
    }
    changes.push({ at: Math.round(high / 60_000) * 60_000, minutes: offset(end) - offset(at) });
  }
  return changes;
}
