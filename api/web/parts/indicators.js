// Indicators of a site: per m2, head and degree-day, peak demand and when, load factor, baseload, night and weekend; a number that
// cannot be said has its reason in its place.
import { html } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { measure, moment, number } from '../lib/format.js';
import { gaugeOf, percent, rateOf } from '../lib/energy.js';
import { Panel, Pending } from './panel.js';

/** @param {{load: any, zone: string}} props */
export function Indicators({ load, zone }) {
  if (!load.data) return html`<${Panel} title=${t('indicator.title')}><${Pending} load=${load} /></${Panel}>`;
  const found = load.data;
  const point = { unit: found.unit, metric: found.metric };
  const gauge = gaugeOf(found.unit, found.metric);
  const rate = (v) => measure(rateOf(found.unit, v), gauge);
  const rows = [
    ['per_m2', found.per_m2, (v) => `${measure(v, point)}/m²`],
    ['per_person', found.per_person, (v) => `${measure(v, point)}/${t('indicator.person')}`],
    ['per_degree_day', found.per_degree_day, (v) => `${measure(v, point)}/K·d`],
    ['peak', found.peak, (v) => html`${rate(v)} <span class="note">${moment(found.peak.at, zone)}${found.peak.eligible < 0.99 ? ` · ${t('indicator.eligible', { v: percent(found.peak.eligible) })}` : ''}</span>`],
    ['load_factor', found.load_factor, (v) => percent(v)],
    ['baseload', found.baseload, rate],
    ['baseload_share', found.baseload_share, (v) => percent(v)],
    ['night_share', found.night_share, (v) => percent(v)],
    ['weekend_share', found.weekend_share, (v) => percent(v)],
  ];
  const about = [found.area_m2 && `${number(found.area_m2, 0)} m²`, found.people && t('indicator.people', { n: found.people }), found.heating !== null && t('indicator.days', { heating: number(found.heating, 0), cooling: number(found.cooling ?? 0, 0) })].filter(Boolean).join(' · ');
  return html`<${Panel} title=${t('indicator.title')} note=${about}><dl class="facts indicators">${rows.map(([name, said, show]) => html`<dt>${word('indicator', name)}</dt>
    <dd data-indicator=${name}>${said.value === null ? html`<span class="note">– ${why(said)}</span>` : show(said.value)}</dd>`)}</dl></${Panel}>`;
}

/** The reason in words, with how much is known where that is the reason. */
function why({ reason, detail = {} }) {
  const share = reason === 'shape_unknown' ? detail.known : reason === 'not_whole' ? 1 - detail.missing - detail.held : undefined;
  return `${word('nofigure', reason)}${share === undefined || Number.isNaN(share) ? '' : ` (${t('indicator.known', { v: percent(share) })})`}`;
}
