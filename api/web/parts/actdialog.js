// The dialogs of acts that need words: assign, shelve, close, comment, label. One act for one alert or for many; all or none.
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { desk } from '../lib/desk.js';
import { alerts } from '../lib/alerts.js';
import { now } from '../lib/clock.js';
import { startOfDay } from '../lib/format.js';
import { myName } from '../lib/settings.js';
import { tell } from '../lib/say.js';
import { fromWall, toWall } from '../lib/when.js';
import { Dialog } from './dialog.js';

const HOUR = 3_600_000;
/** Acts that are done at once, without a dialog. */
const AT_ONCE = { acknowledge: (ids) => desk.acknowledge(ids), start: (ids) => Promise.all(ids.map((one) => desk.start(one))).then((all) => all.flat()) };

/**
 * Does an act that needs no words and says so. @param {'acknowledge' | 'start'} act @param {string[]} ids
 * @returns {Promise<boolean>} whether it was done
 */
export async function actNow(act, ids) {
  try {
    await AT_ONCE[act](ids);
    tell(t(act === 'acknowledge' ? 'alerts.acked' : 'done.start', { n: ids.length }));
    return true;
  } catch (error) {
    tell(t('act.failed', { why: /** @type {Error} */ (error).message }));
    return false;
  }
}

/** @param {{act: string, ids: string[], zone: string, onClose: () => void, onDone?: () => void}} props */
export function ActDialog({ act, ids, zone, onClose, onDone }) {
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(false);
  const first = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => first.current?.focus(), []);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    setBusy(true);
    try {
      await DO[act](ids, form, zone);
      tell(t(`done.${act}`, { n: ids.length }));
      onDone?.();
      onClose();
    } catch (error) {
      setFailed(/** @type {Error} */ (error).message);
      setBusy(false);
    }
  };
  const name = plain(t(`act.${act}`));
  const title = `${name}${ids.length > 1 ? ` · ${t('alerts.note', { n: ids.length })}` : ''}`;
  return html`<${Dialog} label=${title} onClose=${onClose}><h2>${title}</h2>
    <form class="in form" onSubmit=${submit}>
      <p class="note">${t(`act.${act}.words`)}</p>
      ${act === 'assign' && html`<label>${t('field.to')}<input name="to" required maxlength="200" ref=${first} list="people" autocomplete="off" /></label><${People} />`}
      ${act === 'shelve' && html`<${Until} zone=${zone} first=${first} />`}
      ${act === 'label' && html`<fieldset><legend>${t('field.verdict')}</legend>${['true', 'false', 'none'].map((verdict, i) => html`<label class="radio" key=${verdict}><input type="radio" name="verdict" value=${verdict} required ref=${i ? null : first} />${t(`label.${verdict}`)}</label>`)}</fieldset>`}
      <label>${act === 'shelve' ? t('field.reason') : t('field.comment')}<textarea name="comment" rows="3" maxlength="4000" required=${act === 'shelve' || act === 'comment'} ref=${['close', 'comment'].includes(act) ? first : null}></textarea></label>
      ${act === 'shelve' && html`<label class="radio"><input type="checkbox" name="coming" value="1" />${t('field.coming')}</label>`}
      ${failed && html`<p class="failed" role="alert">${t('act.failed', { why: failed })}</p>`}
      <div class="acts"><button class="button main-act" disabled=${busy}>${name}</button><button type="button" class="button" onClick=${onClose}>${t('act.cancel')}</button></div>
    </form></${Dialog}>`;
}

/** The name of an act, without the dots that promise a form. @param {string} words */
export const plain = (words) => words.replace(/\s*…$/, '');

/** What each form does. @type {Record<string, (ids: string[], form: FormData, zone: string) => Promise<any>>} */
const DO = {
  assign: (ids, form) => desk.assign(ids, text(form, 'to'), text(form, 'comment')),
  close: (ids, form) => desk.close(ids, text(form, 'comment')),
  comment: (ids, form) => desk.comment(ids, text(form, 'comment')),
  label: (ids, form) => desk.label(ids, { true: true, false: false }[text(form, 'verdict')] ?? null, text(form, 'comment')),
  shelve: (ids, form, zone) => desk.shelve(ids, untilOf(form, zone), text(form, 'comment'), form.has('coming')),
};

const text = (/** @type {FormData} */ form, /** @type {string} */ name) => String(form.get(name) ?? '').trim();

/** How long a shelving may be by one click. */
const SPANS = { '1h': () => now() + HOUR, '4h': () => now() + 4 * HOUR, morning: (zone) => startOfDay(now() + 24 * HOUR, zone) + 8 * HOUR, '7d': () => now() + 168 * HOUR };

/** @param {FormData} form @param {string} zone */
export function untilOf(form, zone) {
  const chosen = text(form, 'span');
  return Math.round(chosen in SPANS ? SPANS[chosen](zone) : fromWall(text(form, 'until'), zone));
}

/** Until when: a few usual spans, or a moment. @param {{zone: string, first?: any}} props */
export function Until({ zone, first }) {
  const [own, setOwn] = useState(false);
  return html`<fieldset><legend>${t('field.until')}</legend>
    ${Object.keys(SPANS).map((span, i) => html`<label class="radio" key=${span}><input type="radio" name="span" value=${span} checked=${!own && i === 1} ref=${i === 1 ? first : null} onChange=${() => setOwn(false)} />${t(`span.${span}`)}</label>`)}
    <label class="radio"><input type="radio" name="span" value="own" checked=${own} onChange=${() => setOwn(true)} />${t('span.own')}</label>
    ${own && html`<label>${t('field.moment')} <span class="note">${zone}</span><input type="datetime-local" name="until" required min=${toWall(now(), zone)} defaultValue=${toWall(now() + 24 * HOUR, zone)} /></label>`}</fieldset>`;
}

/** Whom alerts were given to before, and oneself. */
function People() {
  const names = new Set([myName.value.trim(), ...[...alerts.value.values()].flatMap((alert) => [alert.assigned_to, alert.acknowledged_by])].filter(Boolean));
  return html`<datalist id="people">${[...names].sort().map((name) => html`<option key=${name} value=${name}></option>`)}</datalist>`;
}
