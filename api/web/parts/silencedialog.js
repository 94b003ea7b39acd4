// The form of a maintenance window (once, or weekly in the site's time) and of a shelving by scope.
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { desk } from '../lib/desk.js';
import { now } from '../lib/clock.js';
import { tell } from '../lib/say.js';
import { fromWall, toWall } from '../lib/when.js';
import { Until, plain, untilOf } from './actdialog.js';
import { ScopeFields, scopeOf } from './scope.js';
import { Dialog } from './dialog.js';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const HOUR = 3_600_000;

/** @param {{kind: string, zone: string, onClose: () => void, onDone: () => void}} props */
export function SilenceDialog({ kind, zone, onClose, onDone }) {
  const [failed, setFailed] = useState('');
  const [weekly, setWeekly] = useState(false);
  const first = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => first.current?.focus(), []);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const reason = String(form.get('reason')).trim();
    try {
      if (kind === 'shelving') await desk.silence({ scope: scopeOf(form), reason, until: String(untilOf(form, zone)) });
      else await desk.plan({ scope: scopeOf(form), reason, ...timesOf(form, weekly, zone) });
      tell(t(kind === 'shelving' ? 'done.shelve' : 'done.plan', { n: 1 }));
      onDone();
      onClose();
    } catch (error) {
      setFailed(/** @type {Error} */ (error).message);
    }
  };
  const title = plain(t(kind === 'shelving' ? 'silence.shelve' : 'silence.plan'));
  return html`<${Dialog} label=${title} onClose=${onClose}><h2>${title}</h2>
    <form class="in form" onSubmit=${submit}>
      <p class="note">${t('silence.words')}</p>
      <label>${t('field.reason')}<input name="reason" required maxlength="4000" ref=${first} /></label>
      ${kind === 'shelving' ? html`<${Until} zone=${zone} />` : html`<${Times} weekly=${weekly} setWeekly=${setWeekly} zone=${zone} />`}
      <${ScopeFields} />
      ${failed && html`<p class="failed" role="alert">${t('act.failed', { why: failed })}</p>`}
      <div class="acts"><button class="button main-act">${title}</button><button type="button" class="button" onClick=${onClose}>${t('act.cancel')}</button></div>
    </form></${Dialog}>`;
}

function Times({ weekly, setWeekly, zone }) {
  return html`<fieldset><legend>${t('calendar.when')} <span class="note">${zone}</span></legend>
    ${[false, true].map((which) => html`<label class="radio" key=${which}><input type="radio" name="weekly" checked=${weekly === which} onChange=${() => setWeekly(which)} />${t(which ? 'silence.weekly' : 'silence.once')}</label>`)}
    ${weekly ? html`<div class="days" role="group" aria-label=${t('silence.days')}>${DAYS.map((day) => html`<label class="radio" key=${day}><input type="checkbox" name="days" value=${day} />${t(`day.${day}`)}</label>`)}</div>
      <div class="fields"><label>${t('field.from')}<input type="time" name="begins" required defaultValue="22:00" /></label><label>${t('field.end')}<input type="time" name="ends" required defaultValue="02:00" /></label></div>`
    : html`<div class="fields"><label>${t('field.from')}<input type="datetime-local" name="start" required defaultValue=${toWall(now() + HOUR, zone)} /></label><label>${t('field.end')}<input type="datetime-local" name="end" required defaultValue=${toWall(now() + 3 * HOUR, zone)} /></label></div>`}</fieldset>`;
}

function timesOf(form, weekly, zone) {
  if (weekly) return { days: form.getAll('days').map(String), hours: `${form.get('begins')}-${form.get('ends')}` };
  return { start: String(fromWall(String(form.get('start')), zone)), end: String(fromWall(String(form.get('end')), zone)) };
}
