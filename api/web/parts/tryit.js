// Try it: a rule, or a changed version of it, over the past. Change a limit or a span, say over which time, sweep a limit; the
// trials stand in the address, so that a result can be sent to a colleague.
import { html, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { desk } from '../lib/desk.js';
import { now } from '../lib/clock.js';
import { firstZone } from '../lib/facility.js';
import { refine, route } from '../lib/route.js';
import { around, changed, fieldsOf, listOf, readField, same } from '../lib/tables.js';
import { fromWall, toWall } from '../lib/when.js';
import { Panel } from './panel.js';
import { Trial } from './trial.js';

const DAYS = [7, 30, 90, 365];
const DAY = 86_400_000;

/** @param {{rule: any}} props */
export function TryIt({ rule }) {
  const [changes, setChanges] = useState(/** @type {Record<string, any>} */ ({}));
  const [json, setJson] = useState(/** @type {string | null} */ (null));
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(false);
  const fields = fieldsOf(rule.definition);
  const running = (route.value.query.trials ?? '').split(',').filter(Boolean);
  const take = (/** @type {string} */ key, /** @type {any} */ value) => { setJson(null); setChanges((old) => ({ ...old, [key]: value })); };
  const start = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    setBusy(true);
    setFailed('');
    try {
      refine({ trials: (await submit(rule, version(rule, changes, json), form)).join(',') });
    } catch (error) {
      setFailed(/** @type {Error} */ (error).message);
    }
    setBusy(false);
  };
  return html`<${Panel} title=${t('try.title')} note=${t('try.note')} class="tryit">
    <form class="form wide" onSubmit=${start}>
      ${json === null ? html`<div class="fields">${fields.map((key) => html`<label key=${key}><code>${key}</code><input name=${`f.${key}`} value=${String(changes[key] ?? rule.definition[key])} class=${key in changes && !same(changes[key], rule.definition[key]) ? 'changed' : ''} onInput=${(event) => setChanges({ ...changes, [key]: readField(event.currentTarget.value, rule.definition[key]) })} /></label>`)}
        ${!fields.length && html`<p class="note">${t('try.noField')}</p>`}</div>`
      : html`<label>${t('try.table')}<textarea name="json" rows="9" class="mono" spellcheck="false" value=${json} onInput=${(event) => setJson(event.currentTarget.value)}></textarea></label>`}
      <div class="fields">
        <button type="button" class="link" onClick=${() => setJson(json === null ? JSON.stringify(changed(rule.definition, changes), null, 2) : null)}>${t(json === null ? 'try.asJson' : 'try.asFields')}</button>
        ${(Object.keys(changes).length > 0 || json !== null) && html`<button type="button" class="link" onClick=${() => { setChanges({}); setJson(null); }}>${t('try.reset')}</button>`}</div>
      <${Span} />
      <${Sweep} rule=${rule} fields=${fields} />
      ${failed && html`<p class="failed" role="alert">${t('act.failed', { why: failed })}</p>`}
      <div class="acts"><button class="button main-act" disabled=${busy}>${t('try.start')}</button></div>
    </form>
    ${running.map((id) => html`<${Trial} key=${id} id=${id} rule=${rule} take=${take} />`)}
  </${Panel}>`;
}

/** The changed table, or null where nothing was changed. Throws with the reason where the JSON does not read. */
function version(rule, changes, json) {
  const table = json === null ? changed(rule.definition, changes) : JSON.parse(json);
  return same(table, rule.definition) ? null : { ...table, id: rule.id };
}

/** Starts what was asked: the rule against its changed version, and a sweep beside it. @returns {Promise<string[]>} ids of the trials */
async function submit(rule, other, form) {
  const zone = firstZone();
  const days = Number(form.get('days'));
  const end = days ? now() : fromWall(String(form.get('end')), zone);
  const start = days ? end - days * DAY : fromWall(String(form.get('start')), zone);
  const span = { start: Math.round(start), end: Math.round(end) };
  const table = { ...rule.definition, id: rule.id };
  const orders = [{ ...span, rules: [table], ...(other ? { against: [other] } : {}) }];
  const field = String(form.get('field') ?? '');
  const values = field ? listOf(String(form.get('values')), rule.definition[field]) : [];
  if (values.length) orders.push({ ...span, rules: [other ?? table], sweep: { rule: rule.id, field, values } });
  const ids = [];
  for (const order of orders) ids.push((await desk.tryRules(order)).id);
  return ids;
}

/** Over which time. */
function Span() {
  const [days, setDays] = useState(7);
  const zone = firstZone();
  return html`<fieldset class="inline"><legend>${t('try.span')}</legend>
    ${DAYS.map((n) => html`<label class="radio" key=${n}><input type="radio" name="days" value=${n} checked=${days === n} onChange=${() => setDays(n)} />${t('try.days', { n })}</label>`)}
    <label class="radio"><input type="radio" name="days" value="0" checked=${days === 0} onChange=${() => setDays(0)} />${t('span.own')}</label>
    ${days === 0 && html`<div class="fields"><label>${t('field.from')}<input type="datetime-local" name="start" required defaultValue=${toWall(now() - 30 * DAY, zone)} /></label><label>${t('field.end')}<input type="datetime-local" name="end" required defaultValue=${toWall(now(), zone)} /></label></div>`}</fieldset>`;
}

/** Which limit to look for, and among which values. */
function Sweep({ rule, fields }) {
  const [field, setField] = useState('');
  if (!fields.length) return null;
  return html`<fieldset class="inline"><legend>${t('try.sweep')}</legend><div class="fields">
    <label>${t('try.field')}<select name="field" value=${field} onChange=${(event) => setField(event.currentTarget.value)}><option value="">${t('try.noSweep')}</option>${fields.map((key) => html`<option key=${key} value=${key}>${key}</option>`)}</select></label>
    ${field && html`<label class="grow">${t('try.values')}<input name="values" key=${field} defaultValue=${around(rule.definition[field])} required /></label>`}</div></fieldset>`;
}
