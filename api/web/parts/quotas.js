// Quotas: how much of the year's limit is used, the pace, and where the year will end, with its range.
import { html, useLoad } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { measure, valueText } from '../lib/format.js';
import { nodeOf } from '../lib/facility.js';
import { percent } from '../lib/energy.js';
import { displayOf } from '../lib/units.js';
import { useSources } from '../lib/sources.js';
import { Empty, Panel, Pending } from './panel.js';

/** How many sites are asked at once. */
const MOST = 12;

/** @param {{sites: string[], year: number}} props */
export function Quotas({ sites, year }) {
  const asked = sites.slice(0, MOST);
  const load = useLoad(asked.length ? `quota ${asked.join(' ')} ${year}` : '', (signal) => Promise.all(asked.map((site) => api.quota(site, year, signal))));
  const rows = load.data?.flatMap((answer) => answer.rows.map((row) => ({ ...row, site: answer.site }))) ?? [];
  return html`<${Panel} title=${t('quota.title')} note=${String(year)}>${!load.data ? html`<${Pending} load=${load} />` : rows.length ? html`<ul class="quotas">${rows.map((row) => html`<${Quota} key=${`${row.site} ${row.id}`} row=${row} named=${sites.length > 1} />`)}</ul>` : html`<${Empty} title=${t('quota.none')}>${t('quota.noneWords')}</${Empty}>`}</${Panel}>`;
}

function Quota({ row, named: withSite }) {
  const source = useSources();
  const point = { unit: row.unit, metric: row.metric };
  const { forecast } = row;
  const most = Math.max(row.limit ?? 0, forecast.high ?? 0, row.to_date) * 1.05 || 1;
  const display = displayOf(row.unit, most / 1000, row.metric);
  const say = (v) => {
    const { text, unit } = valueText(v, point, display);
    return `${text} ${unit}`;
  };
  const place = (v) => `${Math.min(100, Math.max(0, (v / most) * 100))}%`;
  const site = nodeOf(`site:${row.site}`);
  return html`<li data-quota=${row.id}><div class="says"><span>${withSite && html`<bdi>${named(site?.name) || row.site}</bdi> · `}${word('carrier', row.metric)}</span>
      <span class=${row.outlook === 'will_exceed' || row.outlook === 'may_exceed' ? 'outlook beyond' : 'outlook'}>${word('outlook', row.outlook)}</span></div>
    ${row.limit === null ? html`<span class="note">${word('nofigure', row.reason)}</span>` : html`<div class="quotabar" role="img" aria-label=${t('quota.says', { used: say(row.to_date), limit: say(row.limit) })}>
      <i class="used" style=${{ width: place(row.to_date) }}></i>
      ${forecast.low !== null && html`<i class="range" style=${{ left: place(forecast.low), width: `calc(${place(forecast.high)} - ${place(forecast.low)})` }}></i>`}
      ${row.guide !== null && html`<i class="guide" style=${{ left: place(row.guide) }}></i>`}<i class="limit" style=${{ left: place(row.limit) }}></i></div>
    <span class="note">${t('quota.used', { v: say(row.to_date), of: say(row.limit), share: percent(row.to_date / row.limit) })}${row.guide !== null ? ` · ${t('quota.guide', { v: say(row.guide) })}` : ''}</span>
    <span class="note">${row.pace && row.pace.pace !== null && row.quality.missing < 0.5 ? `${t('quota.pace', { v: percent(row.pace.pace) })} (${word('paceshape', row.pace.shape)}) · ` : ''}${forecast.value === null ? t('quota.noForecast') : t('quota.forecast', { v: say(forecast.value), low: say(forecast.low), high: say(forecast.high), how: word('basis', forecast.basis) })}${row.quality.missing >= 0.01 ? ` · ${t('quota.missing', { v: percent(row.quality.missing) })}` : ''}</span>`}
    <span class="note"><bdi>${[row.standard, source(row.clause), source(row.source)].filter(Boolean).join(' · ')}</bdi>${row.per !== 'site' ? ` · ${t('quota.per', { v: measure(row.per_limit, point), per: word('per', row.per) })}` : ''}</span></li>`;
}
