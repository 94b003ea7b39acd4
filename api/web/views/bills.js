// Suppliers' bills: every bill that was checked with its difference to the ledger; one bill line by line with what explains the
// difference; the form to enter one. `#/bills`, `#/bills/17`, `#/bills/new`.
import { html, useEffect, useLoad, useMemo, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { difference, differs, figureOf, intervals, periodOf, placed } from '../lib/bills.js';
import { clock, dayOf, exact, moment } from '../lib/format.js';
import { looking, zoneOf } from '../lib/facility.js';
import { go, here, href, route } from '../lib/route.js';
import { useKeys } from '../lib/keys.js';
import { percent } from '../lib/energy.js';
import { dayWords } from '../lib/spanwords.js';
import { Bars } from '../chart/bars.js';
import { Explained, Lines } from '../parts/billcheck.js';
import { BillForm } from '../parts/billform.js';
import { Empty, Panel, Pending } from '../parts/panel.js';
import { ReportTabs } from '../parts/tabs.js';

/** Bills of a page. */
const PAGE = 50;

/** @param {{item: string}} props */
export function Bills({ item }) {
  useKeys({ n: () => go(href('bills', 'new')) });
  if (item === 'new') return html`<h1 class="sr">${t('bills.enter')}</h1><${ReportTabs} /><${BillForm} />`;
  return html`<${ReportTabs} />${item ? html`<${Bill} key=${item} id=${item} />` : html`<${List} />`}`;
}

/** The points of some registers: name, site and unit. @param {string[]} ids */
function usePoints(ids) {
  const load = useLoad(ids.join(' '), (signal) => Promise.all(ids.map((id) => api.point(id, signal).catch(() => ({ id, name: {}, node: '', metric: '' })))));
  return useMemo(() => new Map((load.data ?? []).map((point) => [point.id, point])), [load.data]);
}

/** The register of a bill in words. */
const whose = (bill, point) => (point ? placed(point) : bill.point);

function List() {
  const { query } = route.value;
  const load = useLoad(`bills ${query.before ?? ''}`, (signal) => api.bills({ limit: PAGE, before: query.before }, signal));
  const bills = load.data?.bills ?? [];
  const points = usePoints([...new Set(bills.map((bill) => bill.point))]);
  const [at, setAt] = useState(-1);
  const move = (/** @type {number} */ by) => setAt((old) => Math.min(bills.length - 1, Math.max(0, old + by)));
  useKeys({ j: () => move(1), k: () => move(-1), Enter: () => bills[at] && go(href('bills', String(bills[at].id))) });
  useEffect(() => document.querySelector('tr.picked')?.scrollIntoView({ block: 'nearest' }), [at]);
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const enter = html`<a class="button main-act" href=${href('bills', 'new')}>${t('bills.enter')}<kbd>n</kbd></a>`;
  return html`<${Panel} title=${t('view.bills')} note=${t('bills.note')} more=${enter}>${!bills.length ? html`<${Empty} title=${t('bills.none')}>${t('bills.noneWords')}</${Empty}>` : html`<div class="scroll-x"><table class="bills">
      <thead><tr><th>${t('bills.period')}</th><th class="wide-only">${t('bills.supplier')}</th><th class="wide-only">${t('meters.register')}</th><th class="num wide-only">${t('bills.billed')}</th><th class="num wide-only">${t('bills.ledger')}</th><th class="num">${t('bills.difference')}</th><th class="wide-only">${t('bills.entered')}</th></tr></thead>
      <tbody>${bills.map((bill, i) => html`<${Row} key=${bill.id} bill=${bill} point=${points.get(bill.point)} picked=${i === at} />`)}</tbody></table></div>`}
    ${load.data.before && bills.length === PAGE && html`<div class="bar"><a class="link" href=${here({ before: String(load.data.before) })}>${t('bills.earlier')}</a></div>`}</${Panel}>`;
}

function Row({ bill, point, picked }) {
  const zone = zoneOf(point ?? {});
  const address = href('bills', String(bill.id));
  const from = [bill.supplier, bill.number].filter(Boolean).join(' · ');
  return html`<tr class=${picked ? 'row picked' : 'row'} data-bill=${bill.id} onClick=${(event) => event.target.closest('a') || go(address)}>
    <td class="wrap"><a class="link" href=${address}>${periodOf(bill, zone)}</a><span class="phone-only note"><bdi>${from}</bdi></span><span class="phone-only note"><bdi>${whose(bill, point)}</bdi></span></td>
    <td class="wrap wide-only"><bdi>${from || '–'}</bdi></td>
    <td class="wide-only wrap"><bdi>${whose(bill, point)}</bdi></td>
    <td class="num wide-only">${figureOf(bill, 'billed')}</td><td class="num wide-only">${figureOf(bill, 'ledger')}</td>
    <td class="num"><span class="phone-only note">${figureOf(bill, 'billed')}</span><span class=${differs(bill) ? 'beyond' : ''}>${difference(bill)}</span></td>
    <td class="wide-only wrap"><bdi>${bill.by}</bdi> <span class="note">${exact(bill.at, zone)}</span></td></tr>`;
}

/** One bill beside the ledger. @param {{id: string}} props */
function Bill({ id }) {
  const load = useLoad(`bill ${id}`, (signal) => api.bill(Number(id), signal));
  const points = usePoints(load.data ? [load.data.point] : []);
  const point = points.get(load.data?.point);
  useEffect(() => looking.set(point?.node ?? ''), [point?.node]);
  useKeys({ Escape: () => go(href('bills')) });
  if (load.data === null) return html`<section class="panel"><h1 class="sr">${t('view.bills')}</h1><${Empty} title=${t('bills.gone', { id })}>${t('bills.goneWords')} <a class="link" href=${href('bills')}>${t('view.bills')}</a></${Empty}></section>`;
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const bill = load.data;
  const zone = zoneOf(point ?? {});
  return html`<section class="panel lede"><h1><bdi>${bill.supplier || whose(bill, point)}</bdi> <span class="note"><bdi>${bill.number}</bdi></span></h1>
      <div class="face"><span class="big" data-difference=${bill.difference}><span class=${differs(bill) ? 'beyond' : ''}>${difference(bill)}</span></span>
        <span><span class="label">${t('bills.billed')}</span>${figureOf(bill, 'billed')}</span>
        <span><span class="label">${t('bills.ledger')}</span>${figureOf(bill, 'ledger')}</span>
        <span><span class="label">${t('bills.period')}</span>${periodOf(bill, zone)}</span></div>
      ${bill.known !== null && bill.known < 0.995 && html`<p class="failed" data-known=${bill.known}>${t('bills.unknown', { v: percent(bill.known) })}</p>`}</section>
    <div class="cols"><div class="stack"><${Lines} bill=${bill} /><${Course} bill=${bill} point=${point} zone=${zone} /></div>
      <div class="stack"><${Explained} bill=${bill} /><${About} bill=${bill} point=${point} zone=${zone} /></div></div>`;
}

function About({ bill, point, zone }) {
  return html`<${Panel} title=${t('bills.about')}><dl class="facts">
    <dt>${t('meters.register')}</dt><dd><a class="link" href=${intervals(bill)}><bdi>${whose(bill, point)}</bdi></a></dd>
    <dt>${t('bills.tariffs')}</dt><dd><bdi>${bill.tariffs.join(', ') || '–'}</bdi></dd>
    <dt>${t('bills.known')}</dt><dd>${percent(bill.known)}</dd>
    <dt>${t('bills.estimated')}</dt><dd>${percent(bill.estimated)}</dd>
    <dt>${t('bills.entered')}</dt><dd><bdi>${bill.by}</bdi> · ${exact(bill.at, zone)}</dd></dl></${Panel}>`;
}

const DAY = 86_400_000;
const DOUBTFUL = { missing: 'missing', held: 'held', spread: 'estimated', estimated: 'estimated' };

/** The ledger's days (hours of a short bill): a click leads to the intervals and their reads. */
function Course({ bill, point, zone }) {
  const short = bill.end - bill.start <= 2 * DAY;
  const load = useLoad(`ledger ${bill.point} ${bill.start} ${bill.end}`, (signal) => api.ledger(bill.point, { start: bill.start, end: bill.end, period: short ? 'hour' : 'day' }, signal));
  const more = html`<a class="link" href=${intervals(bill)}>${t('bills.intervals')}</a>`;
  const course = useMemo(() => {
    const figures = load.data?.figures ?? [];
    const mark = (one) => DOUBTFUL[Object.keys(DOUBTFUL).find((name) => one.flags.includes(name)) ?? ''] ?? '';
    return { start: figures.map((one) => one.start), value: figures.map((one) => one.value ?? 0), mark: figures.map(mark) };
  }, [load.data]);
  if (!load.data) return html`<${Panel} title=${t('bills.course')} more=${more}><${Pending} load=${load} /></${Panel}>`;
  const when = (ms) => (short ? moment(ms, zone) : dayWords(dayOf(ms, zone)));
  const mark = (ms) => (short ? clock(ms, zone) : String(Number(dayOf(ms, zone).slice(8))));
  const open = (start) => go(href('ledger', bill.point, { start: String(start), end: String(course.start[course.start.indexOf(start) + 1] ?? bill.end), step: short ? 'quarter' : 'hour' }));
  return html`<${Panel} title=${t('bills.course')} note=${zone} more=${more}><${Bars} course=${course} unit=${load.data.unit} metric=${point?.metric ?? ''} when=${when} short=${mark} count=${course.start.length} onPick=${open} /></${Panel}>`;
}
