// The form of a bill, as it stands on paper: the register, the days, and a row a line with what the tariff knows of that time. Nothing
// is filled in from the ledger: what is compared must come from the paper.
import { html, useEffect, useLoad, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { OTHER, lineName, place, placed, typed } from '../lib/bills.js';
import { dayOf, zoneOffset } from '../lib/format.js';
import { firstZone, nodeOf, zoneOf } from '../lib/facility.js';
import { now } from '../lib/clock.js';
import { moved, spanOf } from '../lib/period.js';
import { go, href, route } from '../lib/route.js';
import { me } from '../lib/settings.js';
import { tell } from '../lib/say.js';
import { fromWall } from '../lib/when.js';
import { useKeys } from '../lib/keys.js';
import { Empty, Panel, Pending } from './panel.js';

const CARRIERS = ['energy', 'water', 'gas', 'heat'];
const DAY = 86_400_000;

export function BillForm() {
  const load = useLoad('bill registers', (signal) => api.points('', { metric: CARRIERS, limit: 1000 }, signal));
  useKeys({ Escape: () => go(href('bills')) });
  const points = (load.data?.points ?? []).filter((point) => point.nature === 'counter').sort((a, b) => Number(isMain(b)) - Number(isMain(a)));
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  if (!points.length) return html`<section class="panel"><${Empty} title=${t('meters.none')}>${t('meters.noneWords')}</${Empty}></section>`;
  return html`<${Form} points=${points} />`;
}

/** Meters are what suppliers bill; the registers of machines come behind them. @param {any} point */
const isMain = (point) => ['meter', 'transformer', 'switchboard'].includes(nodeOf(point.node)?.type ?? '') || nodeOf(point.node)?.kind === 'site';

/** The month before this one, first and last day. @param {string} zone */
function lastMonth(zone) {
  const first = moved('month', dayOf(now(), zone), -1);
  const { end } = spanOf('month', first, (ms) => zoneOffset(ms, zone));
  return { from: first, to: dayOf(end - DAY / 2, zone) };
}

function Form({ points }) {
  const asked = route.value.query.point ?? '';
  const [point, setPoint] = useState(points.some((one) => one.id === asked) ? asked : points[0].id);
  const register = points.find((one) => one.id === point) ?? points[0];
  const zone = zoneOf(register) || firstZone();
  const [days, setDays] = useState(() => lastMonth(zone));
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(false);
  const first = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => first.current?.focus(), []);
  const start = fromWall(days.from, zone);
  const end = fromWall(dayOf(fromWall(days.to, zone) + 1.5 * DAY, zone), zone);
  const whole = Number.isFinite(start) && Number.isFinite(end) && start < end;
  const cost = useLoad(whole ? `cost ${point} ${start} ${end}` : '', (signal) => api.cost(point, { start, end, period: 'year' }, signal));
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    setBusy(true);
    try {
      const lines = linesOf(form);
      await api.checkBill({ point, start: Math.round(start), end: Math.round(end), currency: cost.data?.currency || 'CNY', supplier: text(form, 'supplier'), number: text(form, 'number'), by: me(), lines, ratios: ratiosOf(form) });
      const { bills } = await api.bills({ point, limit: 1 });
      tell(t('bills.checked'));
      go(href('bills', String(bills[0].id), { point: undefined }));
    } catch (error) {
      setFailed(/** @type {Error} */ (error).message);
      setBusy(false);
    }
  };
  return html`<${Panel} title=${t('bills.enter')} note=${t('bills.enterNote')}><form class="form wide" onSubmit=${submit}>
    <div class="fields"><label class="grow">${t('meters.register')}<select name="point" value=${point} ref=${first} onChange=${(event) => setPoint(event.currentTarget.value)}>${points.map((one) => html`<option key=${one.id} value=${one.id}>${placed(one)}</option>`)}</select></label>
      <label>${t('bills.from')}<input type="date" name="from" required value=${days.from} onInput=${(event) => setDays({ ...days, from: event.currentTarget.value })} /></label>
      <label>${t('bills.to')}<input type="date" name="to" required min=${days.from} value=${days.to} onInput=${(event) => setDays({ ...days, to: event.currentTarget.value })} /></label></div>
    <div class="fields"><label class="grow">${t('bills.supplier')}<input name="supplier" maxlength="200" autocomplete="organization" /></label><label class="grow">${t('bills.number')}<input name="number" maxlength="100" autocomplete="off" /></label><label class="grow">${t('bills.ratios')}<input name="ratios" maxlength="100" inputmode="decimal" placeholder=${t('bills.ratiosHint')} /></label></div>
    ${cost.error ? html`<p class="failed" role="alert">${t('act.failed', { why: cost.error.message })}</p>` : html`<${Rows} key=${`${point} ${cost.data?.unit ?? ''}`} cost=${cost.data} metric=${register.metric} />`}
    ${failed && html`<p class="failed" role="alert">${t('act.failed', { why: failed })}</p>`}
    <div class="acts"><button class="button main-act" disabled=${busy || !whole || !cost.data}>${t('bills.check')}</button><a class="button" href=${href('bills')}>${t('act.cancel')}</a></div>
  </form></${Panel}>`;
}

const text = (/** @type {FormData} */ form, /** @type {string} */ name) => String(form.get(name) ?? '').trim();

/** The lines of a tariff: its periods, and what else it charges. @param {any} cost */
function namesOf(cost) {
  const periods = (cost?.periods ?? []).flatMap((row) => Object.keys(row.quantities));
  const charged = OTHER.filter((name) => name === 'total' || (cost?.periods ?? []).some((row) => Number(row.parts[name] ?? 0)));
  return [...new Set([...periods.sort((a, b) => place(a) - place(b)), ...charged])];
}

function Rows({ cost, metric }) {
  const [own, setOwn] = useState(/** @type {string[]} */ ([]));
  if (!cost) return html`<p class="note" role="status">${t('load.waiting')}</p>`;
  const names = namesOf(cost);
  const missing = OTHER.filter((name) => !names.includes(name));
  const unit = (name) => (name === 'demand' ? 'kW' : OTHER.includes(name) ? '' : cost.unit);
  const field = (kind, name, label) => html`<input name=${`${kind} ${name}`} inputmode="decimal" autocomplete="off" pattern="\\s*[¥￥]?\\s*[+\\-]?[\\d,，\\s]*(\\.\\d+)?\\s*" aria-label=${`${label}, ${t(kind === 'q' ? 'bills.quantity' : 'bills.amount')}`} />`;
  return html`<table class="billform" data-metric=${metric}><thead><tr><th>${t('bills.line')}</th><th>${t('bills.quantity')}</th><th>${t('bills.amount')} <span class="u">${cost.currency}</span></th></tr></thead>
    <tbody>${[...names.filter((name) => name !== 'total'), ...own, 'total'].map((name) => html`<tr key=${name} data-entry=${name}><td class="wrap">${lineName(name)}</td>
      <td>${unit(name) ? html`<span class="withunit">${field('q', name, lineName(name))}<span class="u">${unit(name)}</span></span>` : ''}</td><td>${field('a', name, lineName(name))}</td></tr>`)}</tbody></table>
    <div class="fields"><span class="note">${t('bills.more')}</span>${missing.filter((name) => !own.includes(name)).map((name) => html`<button type="button" class="link" key=${name} onClick=${() => setOwn([...own, name])}>+ ${lineName(name)}</button>`)}</div>`;
}

/** The lines that say something. Throws with the name of one that is no number. @param {FormData} form */
function linesOf(form) {
  const lines = new Map();
  for (const [key, value] of form.entries()) {
    const [, kind, name] = /^([qa]) (.+)$/.exec(key) ?? [];
    if (!kind) continue;
    const said = typed(String(value));
    if (Number.isNaN(said)) throw new Error(t('bills.noNumber', { line: lineName(name), v: String(value) }));
    if (said !== undefined) lines.set(name, { ...lines.get(name), name, [kind === 'q' ? 'quantity' : 'amount']: said });
  }
  if (!lines.size) throw new Error(t('bills.empty'));
  return [...lines.values()];
}

/** "200/5, 40" -> [40, 40]. @param {FormData} form */
function ratiosOf(form) {
  return text(form, 'ratios').split(/[,，;\s]+/).filter(Boolean).map((one) => {
    const [above, below = '1'] = one.split('/');
    const ratio = Number(above) / Number(below);
    if (!(ratio > 0)) throw new Error(t('bills.noNumber', { line: t('bills.ratios'), v: one }));
    return ratio;
  });
}
