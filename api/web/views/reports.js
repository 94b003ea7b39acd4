// Reports: every month as workbook, page and CSV in both languages, as the books say now or as it was written then; what is still
// open in a month, and what a closed one was adjusted by since.
import { html, useLoad, useState } from '../lib/html.js';
import { LANGUAGES, locale, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { exact, measure, moment, zoneOffset } from '../lib/format.js';
import { firstZone } from '../lib/facility.js';
import { here, href, route } from '../lib/route.js';
import { spanOf } from '../lib/period.js';
import { now } from '../lib/clock.js';
import { tell } from '../lib/say.js';
import { Dialog } from '../parts/dialog.js';
import { Empty, Panel, Pending } from '../parts/panel.js';
import { ReportTabs } from '../parts/tabs.js';

const FORMS = ['xlsx', 'html', 'csv'];

export function Reports() {
  const load = useLoad('reports', (signal) => api.reports(signal));
  if (!load.data) return html`<${ReportTabs} /><section class="panel"><${Pending} load=${load} /></section>`;
  const { months, kept } = load.data;
  if (!months.length) return html`<${ReportTabs} /><section class="panel"><${Empty} title=${t('reports.none')}>${t('reports.noneWords')}</${Empty}></section>`;
  const chosen = months.includes(route.value.query.month) ? route.value.query.month : months[1] ?? months[0];
  return html`<${ReportTabs} /><div class="cols reports-cols"><${Months} months=${months} kept=${kept} chosen=${chosen} /><${Month} key=${chosen} month=${chosen} running=${chosen === months[0]} /></div>`;
}

const monthWords = (month) => new Intl.DateTimeFormat(locale(), { year: 'numeric', month: 'long', timeZone: 'UTC' }).format(Date.parse(`${month}-15T00:00:00Z`));

/** @param {number} bytes */
const kilobytes = (bytes) => new Intl.NumberFormat(locale(), { style: 'unit', unit: 'kilobyte', maximumFractionDigits: 0 }).format(bytes / 1000);

function Months({ months, kept, chosen }) {
  const zone = firstZone();
  return html`<${Panel} title=${t('reports.months')} note=${t('reports.note')}><div class="scroll-x"><table class="months">
    <thead><tr><th>${t('reports.month')}</th><th>${t('reports.now')}</th><th class="wide-only">${t('reports.kept')}</th></tr></thead>
    <tbody>${months.map((month, i) => {
      const written = kept.filter((one) => one.month === month);
      return html`<tr key=${month} data-month=${month} class=${month === chosen ? 'picked' : ''}><td><a class="link" href=${here({ month })} aria-current=${month === chosen ? 'true' : null}>${monthWords(month)}</a>${i === 0 ? html` <span class="note">${t('reports.running')}</span>` : ''}</td>
        <td class="wrap">${Object.entries(LANGUAGES).map(([code, name]) => html`<span class="downloads" key=${code}><span class="note" lang=${code}>${name}</span>${FORMS.map((form) => html` <${File} key=${form} month=${month} form=${form} lang=${code} name=${name} kept=${false} />`)}</span>`)}</td>
        <td class="wide-only wrap">${written.length ? written.map((one) => html`<span class="downloads" key=${`${one.form}${one.language}`}><${File} month=${month} form=${one.form} lang=${one.language} name=${LANGUAGES[one.language]} kept=${true} /> <span class="note">${one.language} · ${moment(one.made, zone)} · ${kilobytes(one.size)}</span></span>`) : html`<span class="note">–</span>`}</td></tr>`;
    })}</tbody></table></div></${Panel}>`;
}

function File({ month, form, lang, name, kept }) {
  const label = `${monthWords(month)}, ${form.toUpperCase()}, ${name}${kept ? `, ${t('reports.kept')}` : ''}`;
  return html`<a class="link" href=${api.reportUrl(month, form, lang, kept)} aria-label=${label} target=${form === 'html' ? '_blank' : null} rel=${form === 'html' ? 'noopener' : null} download=${form === 'html' ? null : `steward-${month}-${lang}.${form}`}>${form.toUpperCase()}</a>`;
}

/** What is open in a month, and what it was closed with. */
function Month({ month, running }) {
  const zone = firstZone();
  const [turn, setTurn] = useState(0);
  const [closing, setClosing] = useState(false);
  const span = spanOf('month', `${month}-01`, (ms) => zoneOffset(ms, zone));
  const end = Math.min(span.end, now());
  const load = useLoad(`month ${month} ${turn}`, (signal) => Promise.all([api.registers(signal), api.questions(signal), api.closedMonth(month, signal)]));
  if (!load.data) return html`<${Panel} title=${monthWords(month)}><${Pending} load=${load} /></${Panel}>`;
  const [registers, questions, closed] = load.data;
  const asked = questions.filter((one) => one.start < end && one.at >= span.start);
  const held = registers.filter((one) => one.held > 0);
  const unsettled = registers.filter((one) => one.at !== null && (one.settled_until ?? 0) < end);
  const adjusted = closed.closed.filter((one) => one.adjustments.length);
  const close = () => api.closeMonth(month).then(() => { setClosing(false); setTurn(turn + 1); tell(t('reports.closedNow')); }, (error) => { setClosing(false); tell(t('act.failed', { why: error.message })); });
  return html`<div class="stack"><${Panel} title=${t('reports.open')} note=${monthWords(month)} more=${html`<a class="link" href=${href('energy', '', { period: 'month', at: `${month}-01` })}>${t('view.energy')}</a>`}>
      <ul class="quiet"><li><a href=${href('meters')}><span class="who">${asked.length ? t('reports.questions', { n: asked.length }) : t('reports.noQuestions')}</span>${asked.slice(0, 5).map((one) => html`<span class="why" key=${one.id}>${word('topic', one.topic)} <bdi>${one.point}</bdi></span>`)}</a></li>
        <li><a href=${href('meters')}><span class="who">${held.length ? t('reports.held', { n: held.length }) : t('reports.noHeld')}</span>${held.slice(0, 5).map((one) => html`<span class="why" key=${one.point}><bdi>${one.point}</bdi></span>`)}</a></li>
        <li><a href=${href('meters')}><span class="who">${unsettled.length && running ? t('reports.runs') : unsettled.length ? t('reports.unsettled', { n: unsettled.length }) : t('reports.settled')}</span></a></li></ul></${Panel}>
    <${Panel} title=${t('reports.closing')} note=${closed.closed.length ? t('reports.closedCount', { n: closed.closed.length }) : ''}>
      ${closed.closed.length ? html`<${Closed} closed=${closed.closed} adjusted=${adjusted} zone=${zone} />` : html`<div class="empty">${running ? t('reports.notOver') : t('reports.notClosed')}</div>`}
      ${!running && html`<div class="bar acts"><button class="button" onClick=${() => setClosing(true)}>${t('reports.close')}</button></div>`}</${Panel}>
    ${closing && html`<${Dialog} label=${t('reports.close')} onClose=${() => setClosing(false)}><h2>${t('reports.close')}: ${monthWords(month)}</h2><div class="in"><p>${t('reports.closeWords')}</p><div class="acts"><button class="button main-act" onClick=${close}>${t('reports.close')}</button><button class="button" onClick=${() => setClosing(false)}>${t('act.close')}</button></div></div></${Dialog}>`}</div>`;
}

function Closed({ closed, adjusted, zone }) {
  const points = useLoad(adjusted.length ? adjusted.map((one) => one.point).join(' ') : '', (signal) => Promise.all(adjusted.map((one) => api.point(one.point, signal))));
  const unit = (id) => ({ unit: points.data?.find((one) => one.id === id)?.unit ?? '', metric: points.data?.find((one) => one.id === id)?.metric ?? '' });
  return html`<dl class="facts"><dt>${t('reports.closedBy')}</dt><dd>${[...new Set(closed.map((one) => one.who || t('reports.scheduler')))].join(', ')} · ${exact(Math.max(...closed.map((one) => one.at)), zone)}</dd>
      <dt>${t('reports.adjustments')}</dt><dd>${adjusted.length ? t('reports.adjusted', { n: adjusted.length }) : t('reports.noAdjustments')}</dd></dl>
    ${adjusted.length > 0 && html`<table><tbody>${adjusted.map((one) => html`<tr key=${one.point} data-adjusted=${one.point}><td class="wrap"><a class="link" href=${href('ledger', one.point)}><bdi>${one.point}</bdi></a></td><td class="num">${measure(one.value, unit(one.point))}</td><td class="num">${one.adjustments.map((change) => html`<div key=${change.revision}>${change.difference > 0 ? '+' : ''}${measure(change.difference, unit(one.point))} <span class="note">${moment(change.at, zone)}</span></div>`)}</td></tr>`)}</tbody></table>`}`;
}
