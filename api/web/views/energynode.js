// One node of consumption (a site, space, equip, category): its load, shape, indicators, money by tariff period, balance, and the
// registers that its figure was made of.
import { html, useEffect, useLoad, useMemo } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { clock, dayOf, measure, moment, startOfDay, valueText } from '../lib/format.js';
import { go, here, href, refine, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { facility, looking, nodeOf } from '../lib/facility.js';
import { carriers, figureOf, gaugeOf, isKnown, mass, money, rateOf } from '../lib/energy.js';
import { dayWords } from '../lib/spanwords.js';
import { displayOf } from '../lib/units.js';
import { Chart } from '../chart/chart.js';
import { Heat, heatHeight } from '../chart/heat.js';
import { Lines } from '../chart/lines.js';
import { Balance } from '../parts/balance.js';
import { Change } from '../parts/figures.js';
import { Doubts } from '../parts/doubts.js';
import { Indicators } from '../parts/indicators.js';
import { Choice, PeriodBar } from '../parts/period.js';
import { Quotas } from '../parts/quotas.js';
import { Tariff } from '../parts/touse.js';
import { Registers } from '../parts/registers.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

const DAY = 86_400_000;
/** A day says little as a heat map: then a fortnight is shown. */
const SHAPE = 14 * DAY;
const BY = { site: 'site', space: 'space', equip: 'equip', category: 'category' };

/** @param {{node: string, site: string, zone: string, when: any, turn: number}} props */
export function EnergyNode({ node, site, zone, when }) {
  const { query } = route.value;
  const kind = node.split(':')[0];
  const by = BY[kind] ?? 'site';
  const ask = (span) => ({ by, under: site ? `site:${site}` : '', start: span.start, end: span.end });
  const { span } = when;
  const load = useLoad(`${node} ${span.start} ${span.end}`, (signal) => api.consumption(ask(span), signal));
  const before = useLoad(`${node} ${when.before.start} ${when.before.end}`, (signal) => api.consumption(ask(when.before), signal));
  const year = useLoad(`${node} ${when.year.start} ${when.year.end}`, (signal) => api.consumption(ask(when.year), signal));
  useEffect(() => looking.set(nodeOf(node) ? node : site ? `site:${site}` : ''), [node, site, facility.value]);
  useKeys({ Escape: () => go(href('energy', '', query)) });
  const branch = load.data?.branches.find((one) => one.key === node);
  const metrics = branch ? carriers({ branches: [branch] }) : [];
  const metric = metrics.includes(query.metric) ? query.metric : metrics[0];
  const bar = html`<section class="panel bar energybar"><a class="link" href=${href('energy', '', { ...query, by })}>‹ ${t('energy.all')}</a>
    ${metrics.length > 1 && html`<${Choice} name="metric" label=${t('energy.metric')} chosen=${metric} options=${metrics.map((id) => ({ id, text: word('carrier', id) }))} />`}
    <span class="right"><${PeriodBar} ...${when} /></span></section>`;
  if (!load.data) return html`${bar}<section class="panel"><${Pending} load=${load} /></section>`;
  if (!metric) return html`${bar}<section class="panel"><${Empty} title=${t('energy.noNode')}>${t('energy.noneWords')}</${Empty}></section>`;
  const figure = figureOf(branch, metric);
  const past = (summary) => {
    const other = summary.data?.branches.find((one) => one.key === node);
    return other && figureOf(other, metric);
  };
  const top = kind === 'site';
  return html`${bar}<${Face} branch=${branch} figure=${figure} before=${past(before)} year=${past(year)} />
    <${Shapes} node=${node} metric=${metric} span=${span} day=${when.period === 'day'} zone=${zone} />
    <div class="cols energy-cols"><div class="stack">
      <${Registers} figure=${figure} span=${span} period=${when.period} />
      ${top && html`<${Balance} site=${site} metric=${metric} span=${span} register=${(id) => html`<a class="link" href=${href('ledger', id, { start: String(span.start), end: String(span.end) })}><bdi>${id}</bdi></a> `} />`}
    </div><div class="stack">
      ${top && html`<${SiteIndicators} site=${site} metric=${metric} span=${span} zone=${zone} /><${Tariff} site=${site} span=${span} period=${when.period} zone=${zone} metric=${metric} /><${Quotas} sites=${[site]} year=${Number(when.date.slice(0, 4))} />`}
      <${Own} branch=${branch} />
    </div></div>`;
}

/** The figure, large, with all that belongs to it. */
function Face({ branch, figure, before, year }) {
  const known = isKnown(figure);
  const { text, unit } = valueText(known ? figure.value : null, figure, displayOf(figure.unit, figure.value, figure.metric));
  const carbon = mass(figure.worth.carbon, figure.worth.carbon ?? 0, 'CO₂');
  const coal = mass(figure.worth.coal, figure.worth.coal ?? 0, 'ce');
  return html`<section class="panel lede"><h1><bdi>${named(branch.name) || branch.id}</bdi> <span class="note">${word('kind', branch.kind)}</span></h1>
    <div class="face"><span class="big" data-figure=${figure.value}>${text} <span class="u">${unit}</span></span>
      <span><span class="label">${t('energy.toBefore')}</span><${Change} figure=${figure} other=${before} /></span>
      <span><span class="label">${t('energy.toYear')}</span><${Change} figure=${figure} other=${year} /></span>
      <span><span class="label">${t('energy.cost')}</span>${known ? money(figure.worth.cost, figure.worth.currency) : '–'}</span>
      <span><span class="label">${t('energy.carbon')}</span>${carbon.text} ${carbon.unit}</span>
      <span><span class="label">${t('energy.coal')}</span>${coal.text} ${coal.unit}</span>
      <span class="marks"><${Doubts} quality=${figure.quality} /></span></div></section>`;
}

function SiteIndicators({ site, metric, span, zone }) {
  const load = useLoad(`indicators ${site} ${metric} ${span.start} ${span.end}`, (signal) => api.indicators(site, { metric, start: span.start, end: span.end }, signal));
  return html`<${Indicators} load=${load} zone=${zone} />`;
}

/** Load curve, heat map, duration curve, workday and free day. */
function Shapes({ node, metric, span, day, zone }) {
  const wide = day ? { start: startOfDay(span.end - SHAPE, zone), end: span.end } : span;
  const load = useLoad(`profile ${node} ${metric} ${wide.start} ${wide.end}`, (signal) => api.profile(node, { metric, start: wide.start, end: wide.end }, signal));
  const profile = useMemo(() => load.data && marked(load.data, zone), [load.data]);
  if (!profile) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const gauge = gaugeOf(profile.unit, profile.metric);
  const note = day ? t('shape.fortnight') : zone;
  return html`<div class="shapes"><${Curve} profile=${profile} span=${span} gauge=${gauge} zone=${zone} />
      <${Panel} title=${t('heat.title')} note=${note}>${profile.days.length ? html`<${Heat} profile=${profile} days=${dayWords} onDay=${(at) => go(here({ period: 'day', at, from: undefined, to: undefined }))} />` : html`<div class="empty">${t('chart.none')}</div>`}</${Panel}></div>
    <div class="shapes"><${Week} profile=${profile} gauge=${gauge} note=${note} /><${Duration} profile=${profile} gauge=${gauge} note=${note} /></div>`;
}

/** The profile with the hours whose amount is known and whose shape is not, without the days before anything was metered. */
function marked(profile, zone) {
  const { curve } = profile;
  const hatched = profile.days.map(() => new Array(24).fill(false));
  const rows = new Map(profile.days.map((day, row) => [day, row]));
  let next = -Infinity;
  let midnight = 0;
  let row = 0;
  curve.start.forEach((start, i) => {
    if (start >= next) {
      midnight = startOfDay(start, zone);
      next = startOfDay(midnight + 1.5 * DAY, zone);
      row = rows.get(dayOf(start, zone)) ?? 0;
    }
    const hour = Math.min(23, Math.floor((start - midnight) / 3_600_000));
    if (['estimated', 'held'].includes(curve.mark[i])) hatched[row][hour] ||= profile.uncertain[row][hour];
  });
  const says = (i) => profile.heat[i].some((v) => v !== null) || hatched[i].some(Boolean);
  const from = Math.max(0, profile.days.findIndex((_, i) => says(i)));
  return { ...profile, days: profile.days.slice(from), heat: profile.heat.slice(from), hatched: hatched.slice(from) };
}

/** The load curve: mean rate of each interval; missing is a gap, spread or estimated is hatched. */
function Curve({ profile, span, gauge, zone }) {
  const { query } = route.value;
  const { curve } = profile;
  const columns = useMemo(() => {
    const end = (i) => curve.start[i + 1] ?? profile.end;
    const inside = curve.start.map((_, i) => i).filter((i) => curve.start[i] >= span.start);
    const value = inside.map((i) => (curve.mark[i] === 'missing' ? null : rateOf(profile.unit, curve.value[i] / ((end(i) - curve.start[i]) / 3_600_000))));
    return { at: inside.map((i) => (curve.start[i] + end(i)) / 2), mean: value, min: value, max: value };
  }, [profile, span.start]);
  const hatched = useMemo(() => runs(curve, profile.end), [curve]);
  const from = Number(query.from) || span.start;
  const to = Number(query.to) || span.end;
  const peak = columns.mean.reduce((best, v, i) => (v !== null && (best < 0 || v > columns.mean[best]) ? i : best), -1);
  return html`<${Panel} title=${t('shape.curve')} note=${peak < 0 ? zone : t('shape.highest', { v: measure(columns.mean[peak], gauge), when: moment(columns.at[peak] - (profile.curve.start[1] - profile.curve.start[0]) / 2, zone) })}>
    <${Chart} columns=${columns} point=${gauge} zone=${zone} from=${from} to=${to} title=${t('shape.curve')} height=${Math.max(220, heatHeight(profile.days.length))} fromZero=${true} hatched=${hatched} onZoom=${(a, b) => refine({ from: String(a), to: String(b) })} onReset=${() => refine({ from: undefined, to: undefined })} /></${Panel}>`;
}

/** Runs of intervals whose amount is known and whose shape is not. @param {any} curve @param {number} end */
function runs(curve, end) {
  const out = [];
  curve.start.forEach((start, i) => {
    if (!['estimated', 'held'].includes(curve.mark[i])) return;
    const stop = curve.start[i + 1] ?? end;
    const last = out.at(-1);
    if (last && last.to === start) last.to = stop;
    else out.push({ from: start, to: stop });
  });
  return out;
}

const HOURS = [0, 6, 12, 18].map((hour) => ({ share: hour / 24, text: `${String(hour).padStart(2, '0')}:00` }));
const SHARES = [0, 0.25, 0.5, 0.75, 1].map((share) => ({ share, text: `${share * 100} %` }));

function Week({ profile, gauge, note }) {
  const lines = useMemo(() => [{ label: t('shape.workday'), values: profile.weekday.map((v) => rateOf(profile.unit, v)) }, { label: t('shape.free'), values: profile.weekend.map((v) => rateOf(profile.unit, v)), dash: true }], [profile]);
  const none = lines.every((line) => line.values.every((v) => v === null));
  return html`<${Panel} title=${t('shape.week')} note=${note}>${none ? html`<div class="empty">${t('shape.none')}</div>` : html`<${Lines} name="week" lines=${lines} gauge=${gauge} words=${HOURS} label=${t('shape.week')} where=${(share) => clock(Math.floor(share * 96) * 900_000, 'UTC')} />`}</${Panel}>`;
}

function Duration({ profile, gauge, note }) {
  const lines = useMemo(() => [{ label: t('shape.duration'), values: profile.duration.map((v) => rateOf(profile.unit, v)) }], [profile]);
  return html`<${Panel} title=${t('shape.duration')} note=${note}>${profile.duration.length ? html`<${Lines} name="duration" lines=${lines} gauge=${gauge} words=${SHARES} label=${t('shape.duration')} where=${(share) => t('shape.longer', { v: `${Math.round(share * 100)} %` })} />` : html`<div class="empty">${t('shape.none')}</div>`}</${Panel}>`;
}

/** Own generation, and the charging of own vehicles, where the site has them. */
function Own({ branch }) {
  const { generation, charging } = branch;
  const say = (v) => measure(v, { unit: 'Wh' });
  if (!generation && !charging) return null;
  return html`<${Panel} title=${t('own.title')}><dl class="facts">
    ${generation && ['imported', 'generated', 'exported', 'own'].map((name) => html`<dt>${word('own', name)}</dt><dd>${say(generation[name])}</dd>`)}
    ${charging && html`<dt>${t('own.vehicles')}</dt><dd>${say(charging.vehicles)}</dd><dt>${t('own.building')}</dt><dd>${say(charging.building)} <span class="note">${word('chargingrule', charging.rule)}</span></dd>`}</dl></${Panel}>`;
}
