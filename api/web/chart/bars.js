// Consumption by hour, day or month as bars, the period before as a tick on each; hatched where estimated or incomplete.
import { html, useMemo } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { number, valueText } from '../lib/format.js';
import { displayOf } from '../lib/units.js';
import { Canvas, belowAxis, leftAxis, niceTop } from './canvas.js';
import { hatch, token } from './marks.js';

const HATCHED = ['estimated', 'held', 'missing', 'negative'];

/**
 * @param {{course: {start: number[], value: number[], mark: string[]}, before?: (number | null)[], unit: string, metric: string, when: (ms: number) => string,
 *   short: (ms: number) => string, count: number, height?: number, onPick?: (start: number) => void}} props count: bars of the whole period
 */
export function Bars({ course, before = [], unit, metric, when, short, count, height = 244, onPick }) {
  const most = Math.max(0, ...course.value, ...before.map((v) => v ?? 0));
  const display = displayOf(unit, most, metric);
  const slots = Math.max(count, course.start.length);
  const draw = useMemo(() => (ctx, area) => paint(ctx, area, { course, before, display, most, slots, short }), [course, before, display.symbol, short]);
  const index = (x, area) => Math.floor(((x - area.left) / (area.right - area.left)) * slots);
  const say = (v) => {
    const { text, unit: symbol } = valueText(v, { unit, metric }, display);
    return `${text} ${symbol}`;
  };
  const find = (x, y, area) => {
    const i = index(x, area);
    if (course.start[i] === undefined) return '';
    const mark = course.mark[i];
    const nothing = mark === 'missing' && course.value[i] === 0;
    return `${when(course.start[i])} · ${nothing ? t('chart.gap') : say(course.value[i])}${mark && !nothing ? ` · ${word('mark', mark)}` : ''}${(before[i] ?? null) === null ? '' : ` · ${t('energy.before')} ${say(before[i])}`}`;
  };
  const pick = onPick && ((x, y, area) => course.start[index(x, area)] !== undefined && onPick(course.start[index(x, area)]));
  const sum = course.value.reduce((all, v) => all + v, 0);
  return html`<${Canvas} name="course" title=${t('energy.course')} draw=${draw} height=${height} painted=${course.value.filter((v) => v).length} find=${find} pick=${pick} hint=${onPick ? t('energy.courseHint') : ''} pad=${{ left: 66 }}
    label=${t('energy.courseSays', { n: course.start.length, v: say(sum) })}
    legend=${html`<span><i class="i-bar"></i>${t('energy.measured')}</span><span><i class="i-hatch"></i>${t('energy.hatched')}</span>${before.length ? html`<span><i class="i-tick"></i>${t('energy.before')}</span>` : null}`} />`;
}

/** @param {CanvasRenderingContext2D} ctx */
function paint(ctx, area, { course, before, display, most, slots, short }) {
  const scale = niceTop(most * display.factor);
  leftAxis(ctx, area, scale, number, display.symbol);
  const width = (area.right - area.left) / slots;
  const wide = Math.max(1, Math.min(34, width * 0.68));
  const y = (v) => area.bottom - (Math.max(0, v * display.factor) / scale.top) * (area.bottom - area.top);
  course.start.forEach((_, i) => {
    const middle = area.left + (i + 0.5) * width;
    const top = y(course.value[i]);
    const box = [middle - wide / 2, top, wide, area.bottom - top];
    if (HATCHED.includes(course.mark[i])) {
      ctx.fillStyle = token('band');
      ctx.fillRect(...box);
      hatch(ctx, ...box, token('muted'));
    } else {
      ctx.fillStyle = token('trace');
      ctx.fillRect(...box);
    }
    if (before[i] !== undefined && before[i] !== null) {
      ctx.fillStyle = token('text');
      ctx.fillRect(middle - wide / 2 - 3, Math.round(y(before[i])) - 1, wide + 6, 2);
    }
  });
  belowAxis(ctx, area, course.start.map((ms, i) => ({ x: area.left + (i + 0.5) * width, text: short(ms) })));
}
