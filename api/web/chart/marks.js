// What is drawn on a chart besides its series: limits with their value, the shaded episode, changes of the clock.
// These run inside uPlot's hooks, on its canvas, in device pixels.

/** @param {string} name a token of tokens.css */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** @param {CanvasRenderingContext2D} ctx @param {number} ratio */
function font(ctx, ratio) {
  ctx.font = `${12 * ratio}px ${token('font')}`;
}

/**
 * The episode as a soft area over its time, with the word at its upper left.
 * @param {any} u @param {{from: number, to: number, severity: string, label: string}[]} shades
 */
export function drawShades(u, shades) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  for (const { from, to, severity, label } of shades) {
    const left = Math.max(bbox.left, u.valToPos(from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to, 'x', true));
    if (right <= left) continue;
    ctx.fillStyle = token(`${severity}-bg`);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = token(severity);
    ctx.fillRect(left, bbox.top, Math.max(1, ratio), bbox.height);
    font(ctx, ratio);
    ctx.textBaseline = 'top';
    const wide = ctx.measureText(label).width;
    const fits = left + 6 * ratio + wide < bbox.left + bbox.width;
    ctx.textAlign = fits ? 'left' : 'right';
    ctx.fillText(label, fits ? left + 6 * ratio : Math.min(right, bbox.left + bbox.width) - 4 * ratio, bbox.top + 4 * ratio);
  }
  ctx.restore();
}

/** What is expected, as soft areas. @param {any} u @param {import('./series.js').Band[]} bands @param {number} factor of the display */
export function drawBands(u, bands, factor) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = token('expected');
  for (const { at, low, high } of bands) {
    if (!at.length) continue;
    ctx.beginPath();
    at.forEach((ms, i) => ctx.lineTo(u.valToPos(ms, 'x', true), u.valToPos(high[i] * factor, 'y', true)));
    for (let i = at.length - 1; i >= 0; i -= 1) ctx.lineTo(u.valToPos(at[i], 'x', true), u.valToPos(low[i] * factor, 'y', true));
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
}

/** The trace within an episode, in the colour of its severity. @param {any} u @param {{from: number, to: number, severity: string}[]} shades */
export function drawHot(u, shades) {
  const { ctx, bbox } = u;
  const { stroke: path, clip } = u.series[1]._paths ?? {};
  if (!path) return;
  for (const { from, to, severity } of shades) {
    const left = Math.max(bbox.left, u.valToPos(from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to, 'x', true));
    if (right <= left) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    if (clip) ctx.clip(clip); // uPlot cuts gaps out of one continuous path
    ctx.strokeStyle = token(severity);
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.stroke(path);
    ctx.restore();
  }
}

/** Stretches whose amount is known and whose shape is not. @param {any} u @param {{from: number, to: number}[]} stretches */
export function drawHatched(u, stretches) {
  const { ctx, bbox } = u;
  for (const { from, to } of stretches) {
    const left = Math.max(bbox.left, u.valToPos(from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to, 'x', true));
    if (right > left) hatch(ctx, left, bbox.top, right - left, bbox.height, token('line-2'), 7 * devicePixelRatio);
  }
}

/** Diagonal lines over a rectangle: the amount is known, the shape is not. @param {CanvasRenderingContext2D} ctx */
export function hatch(ctx, x, y, width, height, colour, every = 5) {
  if (width <= 0 || height <= 0) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = every / 5;
  ctx.beginPath();
  for (let d = -height; d < width + height; d += every) {
    ctx.moveTo(x + d, y + height);
    ctx.lineTo(x + d + height, y);
  }
  ctx.stroke();
  ctx.restore();
}

/** Dashed lines with their words. @param {any} u @param {{value: number, label: string, under?: boolean}[]} limits canonical values scaled as the chart */
export function drawLimits(u, limits) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = token('muted');
  ctx.lineWidth = ratio;
  font(ctx, ratio);
  ctx.textAlign = 'right';
  ctx.textBaseline = 'bottom';
  for (const { value, label, under } of limits) {
    const y = Math.round(u.valToPos(value, 'y', true)) + ratio / 2;
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.textBaseline = under ? 'top' : 'bottom';
    ctx.fillText(label, bbox.left + bbox.width - 4 * ratio, y + (under ? 3 : -2) * ratio);
  }
  ctx.restore();
}

/** Where the wall clock jumps. @param {any} u @param {{at: number, label: string}[]} changes */
export function drawClockChanges(u, changes) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = token('faint');
  ctx.lineWidth = ratio;
  font(ctx, ratio);
  ctx.textBaseline = 'bottom';
  for (const { at, label } of changes) {
    const x = Math.round(u.valToPos(at, 'x', true));
    ctx.setLineDash([2 * ratio, 2 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(label, x + 3 * ratio, bbox.top + bbox.height - 3 * ratio);
  }
  ctx.restore();
}
