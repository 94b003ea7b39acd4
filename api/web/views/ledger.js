// The ledger of one register: intervals with method, bounds and revision; of each, the reads that it was made from, those put aside
// and why; what was restated, when and for what reason; baseline and savings.
import { html, useEffect, useLoad } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { exact, moment, number, valueText } from '../lib/format.js';
import { go, here, route } from '../lib/route.js';
import { looking, zoneOf } from '../lib/facility.js';
import { now } from '../lib/clock.js';
import { useKeys } from '../lib/keys.js';
import { percent } from '../lib/energy.js';
import { fromTo } from '../lib/spanwords.js';
import { displayOf, registerOf } from '../lib/units.js';
import { Choice } from '../parts/period.js';
import { Evidence } from '../parts/evidence.js';
import { Baseline } from '../parts/baseline.js';
import { Panel, Pending } from '../parts/panel.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STEPS = { quarter: HOUR / 4, hour: HOUR, day: DAY, month: 30 * DAY, year: 365 * DAY };
/** Rows that are worth listing. */
const MOST = 800;

/** @param {{id: string}} props */
export function Ledger({ id }) {
  const { query } = route.value;
  const end = Number(query.end) || Math.floor((now() - 120_000) / (HOUR / 4)) * (HOUR / 4);
  const start = Number(query.start) || end - 7 * DAY;
  const able = Object.keys(STEPS).filter((step) => (end - start) / STEPS[step] <= MOST);
  const usual = end - start <= 2 * DAY ? 'hour' : end - start <= 92 * DAY ? 'day' : 'month';
  const step = able.includes(query.step) ? query.step : usual;
  const point = useLoad(id, (signal) => api.point(id, signal).catch(() => ({ id, name: {}, node: '', metric: '' })));
  const load = useLoad(`ledger ${id} ${start} ${end} ${step}`, (signal) => api.ledger(id, { start, end, period: step }, signal));
  const zone = zoneOf(point.data ?? {});
  useEffect(() => looking.set(point.data?.node ?? ''), [point.data?.node]);
  useKeys({ Escape: () => (query.open ? go(here({ open: undefined })) : history.back()) });
  const bar = html`<section class="panel bar energybar"><b>${fromTo(start, end, zone)}</b><${Choice} name="step" label=${t('ledger.step')} chosen=${step} options=${able.map((one) => ({ id: one, text: word('step', one) }))} /></section>`;
  if (!load.data) return html`${bar}<section class="panel"><${Pending} load=${load} /></section>`;
  const { total, unit, figures } = load.data;
  const metric = point.data?.metric ?? '';
  const { text, unit: symbol } = valueText(total, { unit, metric }, displayOf(unit, Math.abs(total ?? 0), metric));
  const open = figures.find((one) => String(one.start) === query.open);
  return html`${bar}<section class="panel lede"><h1><bdi>${named(point.data?.name) || id}</bdi>${(named(point.data?.name) || id) !== id && html` <span class="note topic">${id}</span>`}</h1>
      <div class="face"><span class="big" data-total=${total ?? ''}>${text} <span class="u">${symbol}</span></span><a class="link" href=${`#/point/${encodeURIComponent(id)}`}>${t('ledger.history')}</a></div></section>
    <div class="cols ledger-cols">
      <${Intervals} figures=${figures} unit=${unit} metric=${metric} step=${step} zone=${zone} open=${open} able=${able} />
      <div class="stack">${open ? html`<${Evidence} point=${id} interval=${open} unit=${unit} metric=${metric} zone=${zone} />` : html`<${Panel} title=${t('evidence.title')}><div class="empty">${t('evidence.how')}</div></${Panel}>`}
        <${Revisions} id=${id} start=${start} end=${end} unit=${unit} metric=${metric} zone=${zone} /><${Baseline} id=${id} start=${start} end=${end} unit=${unit} metric=${metric} zone=${zone} /></div>
    </div>`;
}

function Intervals({ figures, unit, metric, step, zone, open, able }) {
  const point = { unit, metric };
  const display = displayOf(unit, Math.max(0, ...figures.map((one) => Math.abs(one.value ?? 0))), metric);
  const finer = { year: 'month', month: 'day', day: 'hour', hour: 'quarter' }[step];
  return html`<${Panel} title=${t('ledger.intervals')} note=${t('ledger.count', { n: figures.length })}><div class="scroll-x long-table"><table class="intervals">
    <thead><tr><th>${t('ledger.when')}</th><th class="num">${t('energy.consumption')}</th><th class="wide-only">${t('ledger.method')}</th><th class="wide-only">${t('ledger.flags')}</th><th class="num wide-only">${t('ledger.known')}</th><th class="num">${t('ledger.revision')}</th></tr></thead>
    <tbody>${figures.map((one) => {
      const value = valueText(one.value, point, display);
      const bounded = one.value !== null && one.low !== null && one.high - one.low > Math.abs(one.value) * 1e-9;
      const inside = one.end - one.start <= DAY + 2 * HOUR ? here({ open: String(one.start) }) : here({ start: String(one.start), end: String(one.end), step: finer });
      const more = finer && one.end - one.start > HOUR / 4 ? html` <a class="note link finer" href=${here({ start: String(one.start), end: String(one.end), step: able.includes(finer) || step === 'day' ? finer : undefined, open: undefined })}>${word('step', finer)} ›</a>` : '';
      const doubtful = one.flags.some((flag) => ['spread', 'missing', 'held', 'unresolved', 'above_limit'].includes(flag));
      return html`<tr key=${one.start} data-interval=${one.start} class=${open?.start === one.start ? 'picked' : ''}><td><a class="link" href=${inside} aria-current=${open?.start === one.start ? 'true' : null}>${fromTo(one.start, one.end, zone)}</a>${more}</td>
        <td class="num"><span class=${doubtful ? 'hatchedtext' : ''}>${value.text}${value.unit && html`<span class="u">${value.unit}</span>`}</span>${bounded ? html`<span class="note"> ${valueText(one.low, point, display).text}–${valueText(one.high, point, display).text}</span>` : ''}</td>
        <td class="wide-only">${word('method', one.method)}</td><td class="wide-only wrap note">${one.flags.filter((flag) => flag !== 'peak_eligible').map((flag) => word('flag', flag)).join(t('list.comma'))}</td>
        <td class="num wide-only">${one.value === null ? '–' : percent(one.coverage)}</td><td class="num">${one.revision || '–'}</td></tr>`;
    })}</tbody></table></div></${Panel}>`;
}

/** What was restated: both values and why. */
function Revisions({ id, start, end, unit, metric, zone }) {
  const load = useLoad(`revisions ${id} ${start} ${end}`, (signal) => api.revisions(id, { start, end }, signal));
  if (!load.data) return html`<${Panel} title=${t('revision.title')}><${Pending} load=${load} /></${Panel}>`;
  const rows = [...load.data.revisions].reverse();
  if (!rows.length) return html`<${Panel} title=${t('revision.title')}><div class="empty">${t('revision.none')}</div></${Panel}>`;
  const display = registerOf(unit, metric);
  const say = (v) => `${number(v * display.factor, 2)} ${display.symbol}`;
  return html`<${Panel} title=${t('revision.title')} note=${t('revision.note', { n: rows.length })}><ul class="chain revisions">${rows.slice(0, 60).map((one) => html`<li key=${one.number} class="done" data-revision=${one.number}>${t('revision.number', { n: one.number })} · ${word('revisionwhy', one.reason.replace(/ /g, '_'))}<span>${exact(one.at, zone)}${one.who ? ` · ${one.who}` : ''} · ${t('revision.difference', { v: say(one.difference) })}</span>
    <details><summary class="note">${t('revision.changes', { n: one.changes.length })}</summary><table><tbody>${one.changes.slice(0, 200).map((change) => html`<tr key=${change.start}><td>${moment(change.start, zone)}</td><td class="num">${say(change.old)} → ${say(change.new)}</td></tr>`)}</tbody></table></details></li>`)}</ul></${Panel}>`;
}
