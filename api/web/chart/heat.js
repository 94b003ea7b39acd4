// The heat map of a load: a row a day, a column an hour, the darker the more; hatched where the shape is not known, empty where
// nothing is. Colour means abnormal on this page, so the scale is of one neutral hue.
import { html, useMemo } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { measure, number, valueText } from '../lib/format.js';
import { gaugeOf, rateOf } from '../lib/energy.js';
import { displayOf } from '../lib/units.js';
import { Canvas, belowAxis } from './canvas.js';
import { hatch, token } from './marks.js';

const HOURS = 24;

/** How high a map of so many days is drawn. @param {number} rows */
export const heatHeight = (rows) => Math.max(150, Math.min(360, rows * (rows > 40 ? 4 : 16) + 34));

/** @param {{profile: any, days: (day: string) => string, onDay?: (day: string) => void}} props */
export function Heat({ profile, days, onDay }) {
  const gauge = gaugeOf(profile.unit, profile.metric);
  const cells = profile.heat.flat().filter((v) => v !== null);
  const low = Math.min(...cells);
  const high = Math.max(...cells);
  const rows = profile.days.length;
  const height = heatHeight(rows);
  const draw = useMemo(() => (ctx, area) => paint(ctx, area, profile, low, high, days), [profile, days]);
  const say = (v) => measure(rateOf(profile.unit, v), gauge);
  const cell = (x, y, area) => {
    const hour = Math.floor(((x - area.left) / (area.right - area.left)) * HOURS);
    const row = Math.floor(((y - area.top) / (area.bottom - area.top)) * rows);
    return hour >= 0 && hour < HOURS && row >= 0 && row < rows ? { hour, row } : undefined;
  };
  const find = (x, y, area) => {
    const at = cell(x, y, area);
    if (!at) return '';
    const value = profile.heat[at.row][at.hour];
    const clock = `${days(profile.days[at.row])} ${String(at.hour).padStart(2, '0')}:00`;
    return `${clock} · ${value === null ? t('chart.gap') : say(value)}${profile.hatched[at.row][at.hour] ? ` · ${t('heat.uncertain')}` : ''}`;
  };
  const pick = onDay && ((x, y, area) => {
    const at = cell(x, y, area);
    if (at) onDay(profile.days[at.row]);
  });
  const scale = cells.length ? html`<span><i class="i-scale"></i>${valueText(rateOf(profile.unit, low), gauge, displayOf(gauge.unit, rateOf(profile.unit, high) ?? 0, gauge.metric)).text} – ${say(high)}</span>` : null;
  return html`<${Canvas} name="heat" title=${t('heat.title')} draw=${draw} height=${height} pad=${{ left: 86, top: 6 }} painted=${cells.length} find=${find} pick=${pick} hint=${t('heat.hint')}
    label=${cells.length ? t('heat.says', { n: number(rows, 0), low: say(low), high: say(high) }) : t('chart.none')}
    legend=${html`${scale}<span><i class="i-hatch"></i>${t('heat.uncertain')}</span>`} />`;
}

/** @param {CanvasRenderingContext2D} ctx */
function paint(ctx, area, profile, low, high, days) {
  const rows = profile.days.length;
  const width = (area.right - area.left) / HOURS;
  const height = (area.bottom - area.top) / rows;
  const gap = height > 6 ? 1 : 0;
  const ink = token('text');
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'right';
  const every = Math.max(1, Math.ceil(15 / height));
  profile.days.forEach((day, row) => {
    const y = area.top + row * height;
    if (row % every === 0) {
      ctx.globalAlpha = 1;
      ctx.fillStyle = token('muted');
      ctx.fillText(days(day), area.left - 6, y + height / 2);
    }
    profile.heat[row].forEach((value, hour) => {
      const box = [area.left + hour * width, y, width - gap, height - gap];
      if (value !== null) {
        ctx.globalAlpha = 0.07 + 0.83 * (high > low ? (value - low) / (high - low) : 0.5);
        ctx.fillStyle = ink;
        ctx.fillRect(...box);
        ctx.globalAlpha = 1;
      }
      if (profile.hatched[row][hour]) hatch(ctx, ...box, token('faint'));
    });
  });
  ctx.globalAlpha = 1;
  belowAxis(ctx, area, [0, 3, 6, 9, 12, 15, 18, 21].map((hour) => ({ x: area.left + hour * width + (hour ? 0 : 12), text: `${String(hour).padStart(2, '0')}:00` })));
}
