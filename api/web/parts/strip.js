// The strip of totals: each with its unit, what is usual at this hour, and how old its oldest part is. Only what the facility
// measures appears.
import { html, useChange } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { age, count, number, valueText } from '../lib/format.js';
import { useSecond } from '../lib/clock.js';
import { alerts, isWaiting, ranked } from '../lib/alerts.js';
import { useValues } from '../lib/values.js';
import { liveSum } from '../lib/overview.js';
import { BandBar } from './spark.js';

const WATT = { unit: 'W', metric: 'power' };

/** @param {{summary: any, usual: (points: string[]) => any, branch: string}} props */
export function Strip({ summary, usual, branch }) {
  useChange(alerts);
  if (!summary) return html`<section class="panel strip" aria-busy="true"><div><span class="label">${t('load.waiting')}</span><div class="big">–</div><div class="below"></div></div></section>`;
  const { electricity, water, gas } = summary.quantities;
  const cells = [
    electricity.power_points.length && html`<${Power} told=${electricity} usual=${usual(electricity.power_points)} />`,
    electricity.today_unit && html`<${Today} label=${t('strip.energy')} value=${electricity.today} unit="Wh" metric="energy" />`,
    water.today_unit && html`<${Today} label=${t('strip.water')} value=${water.today} unit="m3" metric="water" />`,
    gas.today_unit && html`<${Today} label=${t('strip.gas')} value=${gas.today} unit="m3" metric="gas" />`,
    summary.vehicles.total && html`<${Cell} label=${t('strip.vehicles')} text=${count(summary.vehicles.out)} unit=${`/ ${count(summary.vehicles.total)}`}>${t('strip.vehiclesWords')}</${Cell}>`,
    html`<${Open} branch=${branch} />`,
    html`<${Fresh} points=${summary.points} />`,
  ].filter(Boolean);
  // six fit; energy today also stands in the table of sites
  if (cells.length > 6) cells.splice(1, 1);
  return html`<section class="panel strip" aria-label=${t('strip.label')} style=${{ '--cells': String(cells.length) }}>${cells}</section>`;
}

function Cell({ label, text, unit, children, stale }) {
  return html`<div><span class="label">${label}</span><div class=${stale ? 'big value stale' : 'big value'}>${stale && html`<span class="hollow"></span><span class="sr">${t('quality.stale')} </span>`}<span class="v">${text}</span>${unit && html`<span class="u">${unit}</span>`}</div><div class="below">${children}</div></div>`;
}

/** The sum of the main meters: of those that can be taken for present, and how many are missing. */
function Power({ told, usual }) {
  const points = told.power_points;
  const sum = liveSum(useValues(points), told);
  const at = useSecond();
  const { text, unit } = valueText(sum?.value, WATT);
  const words = !sum ? t('quality.none') : sum.fresh < points.length ? t('strip.missing', { n: points.length - sum.fresh, all: count(points.length) }) : t('strip.age', { v: age(at - sum.at) });
  const band = usual && sum && sum.fresh === points.length;
  return html`<${Cell} label=${t('strip.power')} text=${text} unit=${unit} stale=${sum && !sum.fresh}>${band
    ? html`<${BandBar} low=${usual.low} high=${usual.high} value=${sum.value} label=${t('strip.usual', { range: range(usual, sum.value), n: usual.days })} /> ${range(usual, sum.value)}`
    : words}</${Cell}>`;
}

/** The band in the unit of the number above it. */
export function range(usual, value) {
  const own = valueText(value, WATT).unit;
  const [low, high] = [valueText(usual.low, WATT), valueText(usual.high, WATT)];
  if (low.unit === high.unit) return `${low.text}–${high.text}${high.unit === own ? '' : ` ${high.unit}`}`;
  return `${low.text} ${low.unit} – ${high.text} ${high.unit}`;
}

function Today({ label, value, unit, metric }) {
  const shown = valueText(value, { unit, metric, nature: 'gauge' });
  return html`<${Cell} label=${label} text=${shown.text} unit=${shown.unit}>${value === null ? t('quality.none') : t('strip.midnight')}</${Cell}>`;
}

function Open({ branch }) {
  const open = ranked(branch);
  return html`<${Cell} label=${t('strip.open')} text=${count(open.length)} unit="">${t('strip.waiting', { n: open.filter(isWaiting).length })}</${Cell}>`;
}

function Fresh({ points }) {
  if (!points.total) return html`<${Cell} label=${t('strip.fresh')} text="–" unit="">${t('quality.none')}</${Cell}>`;
  const share = (points.fresh / points.total) * 100;
  return html`<${Cell} label=${t('strip.fresh')} text=${number(share, share === 100 || share < 0.1 ? 0 : 1)} unit="%">${t('strip.quiet', { n: count(points.total - points.fresh), all: count(points.total) })}</${Cell}>`;
}
