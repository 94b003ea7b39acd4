// A canvas that paints itself: sharp at any pixel ratio, again on resize, theme and language. What lies under the pointer is read
// out below it; drawings of one figure share hatching (shape not known) and axis words.
import { html, useChange, useEffect, useRef, useState } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { dark } from '../lib/settings.js';
import { token } from './marks.js';
import { savePng } from './save.js';

/** @typedef {{left: number, top: number, right: number, bottom: number}} Area */
/** @typedef {(ctx: CanvasRenderingContext2D, area: Area) => void} Draw */

/**
 * @param {{draw: Draw, height: number, label: string, name: string, title?: string, pad?: Partial<Area>, painted?: number, legend?: any, hint?: string,
 *   find?: (x: number, y: number, area: Area) => string, pick?: (x: number, y: number, area: Area) => void}} props
 *   title: with it, the drawing can be saved as a picture; painted: how much there is to paint, for tests
 */
export function Canvas({ draw, height, label, name, title = '', pad = {}, painted = 0, legend, hint = '', find, pick }) {
  useChange(dark);
  useChange(language);
  const box = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [read, setRead] = useState('');
  const area = () => ({ left: pad.left ?? 56, top: pad.top ?? 10, right: (box.current?.clientWidth ?? 0) - (pad.right ?? 10), bottom: height - (pad.bottom ?? 24) });
  useEffect(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (box.current);
    const paint = () => {
      const ratio = devicePixelRatio || 1;
      canvas.width = Math.round(canvas.clientWidth * ratio);
      canvas.height = Math.round(height * ratio);
      const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.font = `12px ${token('font')}`;
      if (canvas.clientWidth) draw(ctx, area());
      canvas.dataset.painted = String(painted);
    };
    const watch = new ResizeObserver(paint);
    watch.observe(canvas);
    return () => watch.disconnect();
  }, [draw, height, dark.value, language.value]);
  const png = () => box.current && savePng(box.current, title, label, { ground: token('panel'), text: token('text'), font: token('font') });
  const at = (/** @type {PointerEvent} */ event, /** @type {Function} */ then) => then(event.offsetX, event.offsetY, area());
  return html`<div class="drawn">
    <canvas ref=${box} data-chart=${name} class=${pick ? 'can-pick' : ''} style=${{ height: `${height}px` }} role="img" aria-label=${label}
      onPointerMove=${find && ((event) => at(event, (x, y, where) => setRead(find(x, y, where))))} onPointerLeave=${() => setRead('')}
      onClick=${pick && ((event) => at(event, pick))}></canvas>
    <div class="legend">${legend}<span class="read" aria-hidden="true">${read || html`<span class="wide-only">${hint}</span>`}</span>${title && html`<button class="link" onClick=${png} aria-label=${`${t('act.png')}: ${title}`}>${t('act.png')}</button>`}</div>
  </div>`;
}

/** Rounds a top of an axis up to 1, 2 or 5 times a power of ten, with its step. @param {number} most */
export function niceTop(most) {
  if (!(most > 0)) return { top: 1, step: 0.5 };
  const rough = most / 4;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * size).find((one) => one >= rough) ?? rough;
  return { top: Math.ceil(most / step - 1e-9) * step, step };
}

/** Lines and numbers of the left axis, the unit at the topmost. @param {CanvasRenderingContext2D} ctx @param {Area} area @param {{top: number, step: number}} scale @param {(v: number, digits: number) => string} words @param {string} symbol */
export function leftAxis(ctx, area, { top, step }, words, symbol) {
  let digits = 0;
  while (digits < 6 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-9) digits += 1;
  ctx.fillStyle = token('muted');
  ctx.strokeStyle = token('line');
  ctx.lineWidth = 1;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  for (let v = 0; v <= top + step / 2; v += step) {
    const y = Math.round(area.bottom - (v / top) * (area.bottom - area.top)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(area.left, y);
    ctx.lineTo(area.right, y);
    ctx.stroke();
    const last = v + step > top + step / 2;
    ctx.fillText(last && symbol ? `${words(v, digits)} ${symbol}` : words(v, digits), area.left - 6, last ? y + 2 : y);
  }
}

/** Words under the axis, as many as fit. @param {CanvasRenderingContext2D} ctx @param {Area} area @param {{x: number, text: string}[]} words */
export function belowAxis(ctx, area, words) {
  ctx.fillStyle = token('muted');
  ctx.textBaseline = 'top';
  let free = -Infinity;
  for (const { x, text } of words) {
    const half = ctx.measureText(text).width / 2;
    const middle = Math.min(Math.max(x, area.left + half), area.right - half);
    if (middle - half < free) continue;
    ctx.textAlign = 'center';
    ctx.fillText(text, middle, area.bottom + 6);
    free = middle + half + 10;
  }
}
