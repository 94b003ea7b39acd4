// Small drawings beside a number: the last day as a line, and the normal band as a bar with a tick.
import { html } from '../lib/html.js';

/**
 * A line over the last day; gaps stay gaps; the part after `hotFrom` carries the severity.
 * @param {{series?: {at: number[], value: (number | null)[], start: number, end: number}, width?: number, height?: number,
 *   hotFrom?: number, severity?: string, label?: string}} props
 */
export function Spark({ series, width = 118, height = 24, hotFrom, severity, label = '' }) {
  if (!series || !series.at.length) return html`<svg class="spark" width=${width} height=${height} aria-hidden="true"></svg>`;
  const { at, value, start, end } = series;
  const present = value.filter((v) => v !== null && Number.isFinite(v));
  const [low, high] = reach(present);
  const spread = high - low;
  const x = (ms) => (((ms - start) / (end - start || 1)) * width).toFixed(1);
  const y = (v) => (height - 2 - ((v - low) / spread) * (height - 4)).toFixed(1);
  const step = at.length > 2 ? median(at) : end - start;
  const path = (from) => {
    let d = '';
    let pen = false;
    for (let i = 0; i < at.length; i += 1) {
      const gap = value[i] === null || (i > 0 && at[i] - at[i - 1] > 2.5 * step);
      if (gap) pen = false;
      if (value[i] === null || at[i] < from) continue;
      d += `${pen ? 'L' : 'M'}${x(at[i])} ${y(value[i])}`;
      if (!pen && (i + 1 === at.length || value[i + 1] === null)) d += 'h.01';
      pen = true;
    }
    return d;
  };
  return html`<svg class="spark" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role=${label ? 'img' : null} aria-label=${label || null} aria-hidden=${label ? null : 'true'}>
    <path class="trace" d=${path(-Infinity)} />${hotFrom !== undefined && severity && html`<path class=${`hot s-${severity}`} d=${path(hotFrom)} />`}
  </svg>`;
}

/** From zero where zero is near, and never so close that noise looks like news: a tenth of the value is the least spread. */
function reach(present) {
  const low = Math.min(...present);
  const high = Math.max(...present);
  if (low >= 0 && low < high / 2) return [0, high];
  const least = Math.max(Math.abs(high + low) * 0.05, 1e-9);
  const middle = (low + high) / 2;
  return high - low >= least ? [low, high] : [middle - least / 2, middle + least / 2];
}

function median(at) {
  const steps = [];
  for (let i = 1; i < at.length; i += 1) steps.push(at[i] - at[i - 1]);
  steps.sort((a, b) => a - b);
  return steps[steps.length >> 1] || 1;
}

/**
 * The normal band as a bar, the value as a tick. Outside the band the tick is coloured and thicker.
 * @param {{low: number, high: number, value: number, label: string}} props canonical values
 */
export function BandBar({ low, high, value, label }) {
  const width = 92;
  const reach = Math.max(high - low, Math.abs(high) * 0.1, 1e-9);
  const left = Math.min(low - reach, value);
  const right = Math.max(high + reach, value);
  const x = (v) => ((v - left) / (right - left)) * width;
  // a little beyond what was seen on a handful of days is not yet abnormal
  const margin = (high - low) * 0.25 + Math.abs(value) * 0.03;
  const out = value < low - margin || value > high + margin;
  return html`<svg class="bandbar" width=${width} height="12" viewBox="0 0 92 12" role="img" aria-label=${label}><title>${label}</title>
    <rect class="ground" x="0" y="4" width=${width} height="5" rx="2.5" />
    <rect class="usual" x=${x(low)} y="4" width=${Math.max(2, x(high) - x(low))} height="5" rx="2" />
    <rect class=${out ? 'tick out' : 'tick'} x=${Math.min(width - 3, Math.max(0, x(value) - 1))} y="1" width=${out ? 3 : 2} height="11" />
  </svg>`;
}
