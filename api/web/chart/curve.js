// The trade-off curve of a sweep: for each value how many episodes it would have given and, with labels, how right they are (F1),
// without, how many hours in alert. One place for each value, in their order; the suggested one is marked.
import { html, useChange, useEffect, useRef } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { number } from '../lib/format.js';
import { dark } from '../lib/settings.js';
import { load } from './chart.js';
import { token } from './marks.js';

/** @param {{rows: any[], field: string, suggested: any}} props */
export function Curve({ rows, field, suggested }) {
  useChange(language);
  useChange(dark);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const scored = rows.some((row) => row.score);
  useEffect(() => {
    let gone = false;
    let plot = /** @type {any} */ (null);
    /** @type {ResizeObserver | undefined} */
    let watch;
    load().then((uPlot) => {
      if (gone || !box.current) return;
      plot = new uPlot(options(rows, scored, suggested, box.current.clientWidth), [rows.map((_, i) => i), rows.map((row) => row.episodes), rows.map((row) => (scored ? row.score?.f1 ?? null : row.hours))], box.current);
      watch = new ResizeObserver(() => box.current && plot.setSize({ width: box.current.clientWidth, height: 200 }));
      watch.observe(box.current);
    });
    return () => {
      gone = true;
      watch?.disconnect();
      plot?.destroy();
    };
  }, [JSON.stringify(rows), suggested, language.value, dark.value]);
  const says = rows.map((row) => `${row.value}: ${t('trial.saysEpisodes', { n: row.episodes })}`).join('; ');
  return html`<div class="chart curve"><div class="plot small" ref=${box} role="img" aria-label=${`${field}: ${says}`} data-values=${rows.length}></div>
    <div class="legend"><span><i class="i-mean"></i>${t('trial.episodes')}</span><span><i class="i-second"></i>${scored ? 'F1' : t('trial.hours')}</span>${suggested !== null && suggested !== undefined && html`<span><i class="i-limit"></i>${t('trial.mark')}</span>`}</div></div>`;
}

/** Whether the words of the values would touch each other: then every second stands. */
const crowded = (u, rows) => u.width / rows.length < 9 * Math.max(...rows.map((row) => String(row.value).length));

function options(rows, scored, suggested, width) {
  const look = { stroke: token('muted'), font: `12px ${token('font')}`, ticks: { show: false } };
  const grid = { stroke: token('line'), width: 1 };
  const chosen = rows.findIndex((row) => row.value === suggested);
  return {
    width, height: 200, legend: { show: false }, cursor: { show: false },
    scales: { x: { time: false, range: () => [-0.4, rows.length - 0.6] }, n: { range: (u, low, high) => [0, Math.max(1, high * 1.1)] }, r: { range: (u, low, high) => [0, scored ? 1 : Math.max(1e-9, high * 1.1)] } },
    axes: [
      { ...look, size: 34, grid: { show: false }, splits: () => rows.map((_, i) => i), values: (u, splits) => splits.map((i) => (crowded(u, rows) && i % 2 ? '' : String(rows[i]?.value ?? ''))) },
      { ...look, scale: 'n', grid, size: 52, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000], values: (u, splits) => splits.map((v) => number(v, 0)) },
      { ...look, scale: 'r', side: 1, size: 52, grid: { show: false }, values: (u, splits) => splits.map((v) => number(v, scored ? 1 : v < 10 ? 1 : 0)) },
    ],
    series: [{}, { scale: 'n', stroke: token('trace'), width: 2, points: { show: true, size: 7, fill: token('trace') } }, { scale: 'r', stroke: token('accent'), width: 1.5, dash: [6, 4], points: { show: true, size: 6, fill: token('panel') } }],
    hooks: {
      draw: [(u) => {
        if (chosen < 0) return;
        const { ctx, bbox } = u;
        const x = Math.round(u.valToPos(chosen, 'x', true));
        ctx.save();
        ctx.strokeStyle = token('muted');
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.restore();
      }],
    },
  };
}
