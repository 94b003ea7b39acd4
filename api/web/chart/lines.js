// Lines over an axis that is not time: the load duration curve, the mean workday and free day.
import { html, useMemo } from '../lib/html.js';
import { number, valueText } from '../lib/format.js';
import { displayOf } from '../lib/units.js';
import { Canvas, belowAxis, leftAxis, niceTop } from './canvas.js';
import { token } from './marks.js';

/** @typedef {{label: string, values: (number | null)[], dash?: boolean}} Line */

/** @param {{name: string, lines: Line[], gauge: any, label: string, words: {share: number, text: string}[], where: (share: number) => string, height?: number}} props values canonical; share: 0-1 along the axis */
export function Lines({ name, lines, gauge, label, words, where, height = 190 }) {
  const every = lines.flatMap((line) => line.values).filter((v) => v !== null);
  const most = Math.max(0, ...every);
  const display = displayOf(gauge.unit, most, gauge.metric);
  const draw = useMemo(() => (ctx, area) => paint(ctx, area, lines, display, most, words), [lines, display.symbol, words]);
  const find = (x, y, area) => {
    const share = (x - area.left) / (area.right - area.left);
    if (share < 0 || share >= 1) return '';
    const said = lines.map((line) => {
      const value = line.values[Math.floor(share * line.values.length)];
      const { text, unit } = valueText(value, gauge, display);
      return `${lines.length > 1 ? `${line.label} ` : ''}${text} ${unit}`;
    });
    return `${where(share)} · ${said.join(' · ')}`;
  };
  return html`<${Canvas} name=${name} title=${label} draw=${draw} height=${height} pad=${{ left: 62 }} painted=${every.length} label=${label} find=${find}
    legend=${lines.length > 1 ? lines.map((line) => html`<span key=${line.label}><i class=${line.dash ? 'i-dash' : 'i-mean'}></i>${line.label}</span>`) : null} />`;
}

/** @param {CanvasRenderingContext2D} ctx @param {any} area @param {Line[]} lines */
function paint(ctx, area, lines, display, most, words) {
  const scale = niceTop(most * display.factor);
  leftAxis(ctx, area, scale, number, display.symbol);
  for (const line of lines) {
    ctx.strokeStyle = line.dash ? token('faint') : token('trace');
    ctx.lineWidth = 1.6;
    ctx.setLineDash(line.dash ? [5, 3] : []);
    ctx.beginPath();
    let open = false;
    line.values.forEach((v, i) => {
      if (v === null) {
        open = false;
        return;
      }
      const x = area.left + ((i + 0.5) / line.values.length) * (area.right - area.left);
      const y = area.bottom - ((v * display.factor) / scale.top) * (area.bottom - area.top);
      if (open) ctx.lineTo(x, y);
      else ctx.moveTo(x, y);
      open = true;
    });
    ctx.stroke();
  }
  ctx.setLineDash([]);
  belowAxis(ctx, area, words.map(({ share, text }) => ({ x: area.left + share * (area.right - area.left), text })));
}
