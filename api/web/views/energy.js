// Energy: what was used where, against the period before and last year, with its cost, carbon and standard coal; whether it stays
// within the quota. Every figure opens its node, the node its registers, a register its reads.
import { html, useLoad, useMemo } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { dayOf, zoneOffset } from '../lib/format.js';
import { facility, firstZone, nodeOf, sites, trail } from '../lib/facility.js';
import { now } from '../lib/clock.js';
import { useBeat } from '../lib/beat.js';
import { here, go, route } from '../lib/route.js';
import { PERIODS, STEP, alike, moved, soFar, spanOf, yearAgo } from '../lib/period.js';
import { carriers, figureOf, tops } from '../lib/energy.js';
import { barWords, spanWords } from '../lib/spanwords.js';
import { Bars } from '../chart/bars.js';
import { saveCsv } from '../chart/save.js';
import { Figures } from '../parts/figures.js';
import { Choice, PeriodBar } from '../parts/period.js';
import { Quotas } from '../parts/quotas.js';
import { Ranking } from '../parts/ranking.js';
import { Totals } from '../parts/totals.js';
import { Empty, Panel, Pending } from '../parts/panel.js';
import { EnergyNode } from './energynode.js';

const BY = ['site', 'space', 'equip', 'category'];

/** The period that the address names, in a zone. @param {Record<string, string>} query @param {string} zone */
export function chosen(query, zone) {
  const period = /** @type {import('../lib/period.js').Period} */ (PERIODS.includes(/** @type {any} */ (query.period)) ? query.period : 'day');
  const today = dayOf(now(), zone);
  const date = /^\d{4}-\d\d-\d\d$/.test(query.at ?? '') ? query.at : today;
  const offset = (ms) => zoneOffset(ms, zone);
  const span = soFar(period, date, offset, now());
  const other = (day) => alike(span, spanOf(period, day, offset));
  return { period, date, today, span, before: other(moved(period, date, -1)), year: other(yearAgo(period, date)), title: spanWords(period, date, offset, zone) };
}

/** The site or organisation that a branch lies in: what the API adds up below. @param {string} branch */
const underOf = (branch) => trail(branch).filter((node) => node.kind === 'site' || node.kind === 'organisation').at(-1)?.key ?? '';

/** @param {{item: string}} props */
export function Energy({ item }) {
  const { query } = route.value;
  const branch = query.branch ?? '';
  const turn = useBeat(60_000);
  if (!facility.value.ready) return html`<section class="panel"><${Pending} load=${{ data: undefined, loading: true }} /></section>`;
  const site = item ? siteOf(item) : '';
  const zone = (site && nodeOf(`site:${site}`)?.zone) || firstZone(branch);
  const when = chosen(query, zone);
  return item
    ? html`<${EnergyNode} key=${item} node=${item} site=${site} zone=${zone} when=${when} turn=${turn} />`
    : html`<${Overview} branch=${branch} zone=${zone} when=${when} />`;
}

/** The site of a node's key. @param {string} key */
function siteOf(key) {
  if (key.startsWith('category:')) return key.slice(9).split('/')[0];
  return trail(key).find((node) => node.kind === 'site')?.id ?? '';
}

function Overview({ branch, zone, when }) {
  const { query } = route.value;
  const by = BY.includes(query.by) ? query.by : 'site';
  const under = underOf(branch);
  const ask = (span, period) => ({ by, under, start: span.start, end: span.end, period });
  const load = useLoad(`${by} ${under} ${when.span.start} ${when.span.end} ${when.period}`, (signal) => api.consumption(ask(when.span, STEP[when.period]), signal));
  const before = useLoad(load.data ? `${by} ${under} ${when.before.start} ${when.before.end}` : '', (signal) => api.consumption(ask(when.before, STEP[when.period]), signal));
  const year = useLoad(load.data ? `${by} ${under} ${when.year.start} ${when.year.end}` : '', (signal) => api.consumption(ask(when.year), signal));
  const own = useMemo(() => sites(branch).map((node) => node.id), [branch, facility.value]);
  const summary = load.data;
  const metrics = summary ? carriers(summary) : [];
  const metric = metrics.includes(query.metric) ? query.metric : metrics[0];
  const bar = html`<section class="panel bar energybar">
    <${Choice} name="by" label=${t('energy.by')} chosen=${by} options=${BY.map((id) => ({ id, text: word('by', id) }))} />
    ${metrics.length > 1 && html`<${Choice} name="metric" label=${t('energy.metric')} chosen=${metric} options=${metrics.map((id) => ({ id, text: word('carrier', id) }))} />`}
    <span class="right"><${PeriodBar} ...${when} /></span></section>`;
  if (!summary) return html`${bar}<section class="panel"><${Pending} load=${load} /></section>`;
  if (!metrics.length) return html`${bar}<section class="panel"><${Empty} title=${t('energy.none')}>${t('energy.noneWords')}</${Empty}></section>`;
  const words = barWords(when.period, zone);
  const course = courseOf(summary, metric);
  const past = before.data ? courseOf(before.data, metric) : undefined;
  const pick = when.period === 'day' ? undefined : (start) => go(here({ period: when.period === 'year' ? 'month' : 'day', at: dayOf(start, zone) }));
  return html`${bar}<${Totals} summary=${summary} before=${before.data} chosen=${metric} />
    <div class="cols">
      <${Panel} title=${t('energy.course')} note=${`${word('carrier', metric)} · ${zone}`}><${Bars} course=${course} before=${pastOf(past)} unit=${summary.branches.map((one) => figureOf(one, metric)).find(Boolean).unit} metric=${metric} ...${words} count=${words.count(when.date)} onPick=${pick} /></${Panel}>
      <${Quotas} sites=${own} year=${Number(when.date.slice(0, 4))} />
    </div>
    <${Panel} title=${t('energy.figures')} note=${word('by', by)} more=${html`<button class="link" onClick=${() => saveCsv(csvOf(summary), `${t('view.energy')} ${when.title}`)}>${t('act.csv')}</button>`}><${Figures} summary=${summary} metric=${metric} before=${before.data} year=${year.data} /></${Panel}>
    ${own.length > 1 && !branch && html`<${Ranking} metric=${metric} span=${when.span} />`}`;
}

/** Every figure of a summary as a table: canonical units, shares 0-1, the marks of its quality. @param {any} summary */
const csvOf = (summary) => [
  ['key', 'name', 'parent', 'metric', 'start', 'end', 'value', 'unit', 'missing', 'held', 'spread', 'estimated', 'revision', 'cost', 'currency', 'kgCO2', 'kgce', 'registers'],
  ...summary.branches.flatMap((one) => one.figures.map((figure) => [one.key, named(one.name) || one.id, one.parent, figure.metric, new Date(summary.start).toISOString(), new Date(summary.end).toISOString(), figure.value, figure.unit,
    figure.quality.missing, figure.quality.held, figure.quality.spread, figure.quality.estimated, figure.quality.revision, figure.worth.cost, figure.worth.currency, figure.worth.carbon, figure.worth.coal, figure.registers.join(' ')])),
];

/** The steps of the period before, those that nothing is known of left out. @param {any} course */
function pastOf(course) {
  if (!course || course.mark.every((mark) => mark === 'missing')) return [];
  return course.value.map((v, i) => (course.mark[i] === 'missing' && !v ? null : v));
}

/** The course of all sites together; the most serious mark of each step. @param {any} summary @param {string} metric */
function courseOf(summary, metric) {
  const courses = tops(summary).map((one) => figureOf(one, metric)?.course).filter(Boolean);
  const grave = ['', 'provisional', 'estimated', 'held', 'missing', 'negative'];
  const [one, ...more] = courses;
  if (!one) return { start: [], value: [], mark: [] };
  return {
    start: one.start,
    value: one.value.map((v, i) => more.reduce((sum, course) => sum + (course.value[i] ?? 0), v)),
    mark: one.mark.map((mark, i) => grave[Math.max(grave.indexOf(mark), ...more.map((course) => grave.indexOf(course.mark[i])))] ?? ''),
  };
}
