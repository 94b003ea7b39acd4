// The sites: power now against what is usual, the last day, what flowed today, the worst alert, and how old all that is.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { age, duration, valueText } from '../lib/format.js';
import { useSecond } from '../lib/clock.js';
import { go, href } from '../lib/route.js';
import { burden, ranked } from '../lib/alerts.js';
import { liveSum } from '../lib/overview.js';
import { displayOf } from '../lib/units.js';
import { useValues } from '../lib/values.js';
import { BandBar, Spark } from './spark.js';
import { Worst } from './severity.js';
import { Empty, Panel, Pending } from './panel.js';

/** @param {{load: any, usual: (points: string[]) => any}} props */
export function Sites({ load, usual }) {
  const more = html`<a class="link" href=${href('places')}>${t('view.places')}</a>`;
  if (!load.data) return html`<${Panel} title=${t('sites.title')} more=${more}><${Pending} load=${load} /></${Panel}>`;
  const { sites } = load.data;
  if (!sites.length) return html`<${Panel} title=${t('sites.title')}><${Empty} title=${t('sites.none')}>${t('sites.noneWords')}</${Empty}></${Panel}>`;
  const weight = burden();
  // one prefix a column: that of the largest site
  const power = displayOf('W', Math.max(...sites.map((site) => site.power ?? 0)));
  const energy = displayOf('Wh', Math.max(...sites.map((site) => site.today ?? 0)));
  const reporting = sites.filter((site) => site.newest && site.points > site.stale + site.silent).length;
  return html`<${Panel} title=${t('sites.title')} note=${t('sites.note', { n: reporting, all: sites.length })} more=${more}><table class="sites">
    <thead><tr><th>${t('kind.site')}</th><th class="num">${t('sites.power')}</th><th class="wide-only">${t('sites.usual')}</th><th class="wide-only">${t('sites.day')}</th><th class="num wide-only">${t('sites.today')}</th><th>${t('view.alerts')}</th><th class="num">${t('points.age')}</th></tr></thead>
    <tbody>${sites.map((site) => html`<${Site} key=${site.key} site=${site} grid=${load.data} usual=${usual(site.power_points)} power=${power} energy=${energy} weight=${weight.get(site.key)} />`)}</tbody></table></${Panel}>`;
}

function Site({ site, grid, usual, power, energy, weight }) {
  const latest = useValues(site.power_points);
  const at = useSecond();
  const live = liveSum(latest, site);
  const stale = Boolean(live && !live.fresh);
  const newest = live?.at ?? site.newest;
  const start = grid.spark_start;
  const series = { at: site.spark.map((_, i) => start + i * grid.spark_window), value: site.spark, start, end: start + site.spark.length * grid.spark_window };
  const worst = ranked(site.key).find((alert) => alert.points.some((id) => site.power_points.includes(id)));
  const value = valueText(live?.value, { unit: 'W' }, power);
  const today = valueText(site.today, { unit: 'Wh' }, energy);
  const address = href('places', '', { branch: site.key });
  const missing = live && live.fresh < site.power_points.length ? t('strip.missing', { n: site.power_points.length - live.fresh, all: String(site.power_points.length) }) : null;
  return html`<tr class="row" data-site=${site.id} onClick=${() => go(address)}>
    <td class="wrap"><a href=${address}><bdi>${named(site.name) || site.id}</bdi></a></td>
    <td class="num"><span class=${stale ? 'value stale' : 'value'} title=${missing}>${stale && html`<span class="hollow"></span><span class="sr">${t('quality.stale')} </span>`}<span class="v">${value.text}</span>${value.unit && html`<span class="u">${value.unit}</span>`}</span></td>
    <td class="wide-only">${usual && live ? html`<${BandBar} low=${usual.low} high=${usual.high} value=${live.value} label=${t('strip.usual', { range: `${valueText(usual.low, { unit: 'W' }, power).text}–${valueText(usual.high, { unit: 'W' }, power).text} ${power.symbol}`, n: usual.days })} />` : html`<span class="note">${site.power_points.length ? t('sites.learning') : '–'}</span>`}</td>
    <td class="wide-only"><${Spark} series=${series} width=${180} hotFrom=${worst?.since} severity=${worst?.severity} /></td>
    <td class="num wide-only">${today.text}${today.unit && html`<span class="u">${today.unit}</span>`}</td>
    <td><${Worst} worst=${weight?.worst} n=${weight?.n ?? 0} /></td>
    <td class="num"><span class=${stale ? 'age stale' : 'age'}>${newest ? (stale ? t('quality.silentFor', { v: duration(at - newest) }) : age(at - newest)) : '–'}</span></td>
  </tr>`;
}
