// The calendar of silence: what is shelved and which maintenance windows there are, by week or month in the site's own time; plan
// and end them here. What is silent is judged as ever, it is only not told.
import { html, useChange, useLoad, useState } from '../lib/html.js';
import { locale, t } from '../lib/i18n.js';
import { clock, dayOf, moment } from '../lib/format.js';
import { firstZone } from '../lib/facility.js';
import { desk } from '../lib/desk.js';
import { now, useSecond } from '../lib/clock.js';
import { renewal } from '../lib/live.js';
import { here, route } from '../lib/route.js';
import { tell } from '../lib/say.js';
import { daySpan } from '../lib/spanwords.js';
import { fromWall, midnights, mondayOf, monthOf } from '../lib/when.js';
import { ScopeWords } from '../parts/scope.js';
import { SilenceDialog } from '../parts/silencedialog.js';
import { DeskTabs } from '../parts/tabs.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

export function CalendarView() {
  useChange(renewal);
  const { query } = route.value;
  const zone = firstZone(query.branch);
  const month = query.by === 'month';
  const at = fromWall(query.on ?? '', zone) || now();
  const { start, days } = month ? monthOf(at, zone) : { start: mondayOf(at, zone), days: 7 };
  const [round, setRound] = useState(0);
  const [dialog, setDialog] = useState('');
  const grid = midnights(start, days, zone);
  const end = grid[days];
  const load = useLoad(`calendar ${start} ${end} ${round} ${renewal.value}`, (signal) => Promise.all([desk.calendar(start, end, signal), desk.windows(signal), desk.shelvings(signal)]));
  const again = () => setRound((n) => n + 1);
  const step = (/** @type {number} */ by) => dayOf((by < 0 ? start - 12 * HOUR : end + 12 * HOUR), zone);
  const title = new Intl.DateTimeFormat(locale(), { timeZone: zone, year: 'numeric', month: 'long', ...(month ? {} : { day: 'numeric' }) });
  return html`<${DeskTabs} /><${Panel} title=${t('view.calendar')} note=${zone}
      more=${html`<button class="button" onClick=${() => setDialog('maintenance')}>${t('silence.plan')}</button><button class="button" onClick=${() => setDialog('shelving')}>${t('silence.shelve')}</button>`}>
    <div class="bar"><span class="choice" role="group" aria-label=${t('calendar.by')}>${['week', 'month'].map((by) => html`<a key=${by} href=${here({ by: by === 'week' ? undefined : by })} aria-current=${(by === 'month') === month ? 'true' : null}>${t(`calendar.${by}`)}</a>`)}</span>
      <span class="choice"><a href=${here({ on: step(-1) })} aria-label=${t('calendar.before')}>‹</a><a href=${here({ on: undefined })}>${t('calendar.today')}</a><a href=${here({ on: step(1) })} aria-label=${t('calendar.after')}>›</a></span>
      <b>${month ? title.format(start) : daySpan(title, start, end - HOUR)}</b></div>
    ${!load.data ? html`<${Pending} load=${load} />` : html`<${Grid} spans=${load.data[0]} grid=${grid} month=${month} zone=${zone} />`}
  </${Panel}>
  ${load.data && html`<${List} windows=${load.data[1]} shelvings=${load.data[2]} zone=${zone} again=${again} />`}
  ${dialog && html`<${SilenceDialog} kind=${dialog} zone=${zone} onClose=${() => setDialog('')} onDone=${again} />`}`;
}

const HOUR = 3_600_000;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** A line for each window or shelving, a column a day. */
function Grid({ spans, grid, month, zone }) {
  const at = useSecond();
  const [from, to] = [grid[0], grid[grid.length - 1]];
  const share = (ms) => Math.max(0, Math.min(1, (ms - from) / (to - from))) * 100;
  const lines = new Map();
  // while the next week is asked for, the spans of the old one are still here
  for (const span of spans) if (span.end > from && span.start < to) lines.set(span.id, [...(lines.get(span.id) ?? []), span]);
  const weekday = new Intl.DateTimeFormat(locale(), { timeZone: zone, weekday: 'short' });
  const day = new Intl.DateTimeFormat(locale(), { timeZone: zone, day: 'numeric' });
  return html`<div class=${`cal${month ? ' month' : ''}`}>
    <div class="cal-row cal-head"><span></span><div class="cal-days" style=${{ '--days': grid.length - 1 }}>${grid.slice(0, -1).map((ms) => html`<span key=${ms} class=${`${dayOf(ms, zone) === dayOf(at, zone) ? 'today' : ''}${isRest(ms, zone) ? ' rest' : ''}`}>${month ? '' : html`<small>${weekday.format(ms)}</small> `}${day.format(ms)}</span>`)}</div></div>
    ${[...lines.values()].map(([first, ...rest]) => html`<div class="cal-row" key=${first.id} data-span=${first.id}>
      <span class="cal-name"><b><bdi>${first.reason}</bdi></b><small><${ScopeWords} scope=${first.scope} /></small></span>
      <div class="cal-line" style=${{ '--days': grid.length - 1 }}>${[first, ...rest].map((span) => html`<span key=${span.start} class=${`cal-bar ${span.kind}`} style=${{ left: `${share(span.start)}%`, width: `${share(span.end) - share(span.start)}%` }} title=${words(span, zone)}><span class="sr">${words(span, zone)}</span></span>`)}
        ${at > from && at < to && html`<i class="cal-now" style=${{ left: `${share(at)}%` }}></i>`}</div></div>`)}
    ${!lines.size && html`<${Empty} title=${t('calendar.none')}>${t('calendar.noneWords')}</${Empty}>`}
    <div class="legend"><span><i class="i-maintenance"></i>${t('delivery.maintenance')}</span><span><i class="i-shelving"></i>${t('delivery.shelved')}</span></div></div>`;
}

const isRest = (ms, zone) => ['Sat', 'Sun'].includes(new Intl.DateTimeFormat('en-GB', { timeZone: zone, weekday: 'short' }).format(ms + 12 * HOUR));
const words = (span, zone) => `${t(span.kind === 'shelving' ? 'delivery.shelved' : 'delivery.maintenance')} ${moment(span.start, zone)} – ${dayOf(span.start, zone) === dayOf(span.end, zone) ? clock(span.end, zone) : moment(span.end, zone)}`;

/** Everything that is not over, with the way to end it. */
function List({ windows, shelvings, zone, again }) {
  const end = (kind, id) => desk.cancel(kind, id).then(() => { tell(t('done.cancel')); again(); }, (error) => tell(t('act.failed', { why: error.message })));
  const rows = [...windows.map((one) => ({ ...one, kind: 'maintenance' })), ...shelvings.map((one) => ({ ...one, kind: 'shelving' }))];
  return html`<${Panel} title=${t('calendar.list')} note=${t('calendar.listNote')}>
    ${!rows.length ? html`<div class="empty">${t('calendar.listNone')}</div>` : html`<div class="scroll-x"><table><thead><tr><th>${t('field.reason')}</th><th>${t('calendar.when')}</th><th class="wide-only">${t('calendar.scope')}</th><th class="wide-only">${t('calendar.who')}</th><th><span class="sr">${t('desk.acts')}</span></th></tr></thead>
    <tbody>${rows.map((one) => html`<tr key=${one.id} data-silence=${one.id}><td class="wrap"><span class=${`dot ${one.kind}`}></span>${t(one.kind === 'shelving' ? 'delivery.shelved' : 'delivery.maintenance')} · <bdi>${one.reason}</bdi><span class="phone-only note"><${ScopeWords} scope=${one.scope} /></span></td>
      <td class="wrap">${whenOf(one, zone)}</td><td class="wide-only wrap"><${ScopeWords} scope=${one.scope} /></td><td class="wide-only"><bdi>${one.declared ? t('calendar.declared') : one.by}</bdi></td>
      <td>${one.declared ? html`<span class="note phone-only">${t('calendar.declared')}</span>` : html`<button class="button" onClick=${() => end(one.kind, one.id)} aria-label=${t('silence.endOf', { what: one.reason })}>${t('silence.end')}</button>`}</td></tr>`)}</tbody></table></div>`}</${Panel}>`;
}

function whenOf(one, zone) {
  if (!one.days?.length) return `${one.start ? moment(one.start, zone) : ''} – ${one.end ? moment(one.end, zone) : ''}`;
  return `${one.days.map((day) => t(`day.${DAYS[day]}`)).join(t('list.comma'))} ${one.hours.replace('-', '–')}${one.start ? ` · ${t('calendar.since', { when: moment(one.start, zone) })}` : ''}${one.end ? ` · ${t('muted.until', { when: moment(one.end, zone) })}` : ''}`;
}
