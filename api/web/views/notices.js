// Notices: who was told what, when, by which channel, after how many tries and with which result; the channels; who would be told.
import { html, useLoad, useState } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { count, exact, moment } from '../lib/format.js';
import { firstZone } from '../lib/facility.js';
import { desk } from '../lib/desk.js';
import { useBeat } from '../lib/beat.js';
import { here, href, refine, route } from '../lib/route.js';
import { said } from '../lib/said.js';
import { tell } from '../lib/say.js';
import { Result } from '../parts/chain.js';
import { SEVERITIES } from '../parts/severity.js';
import { DeskTabs } from '../parts/tabs.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

const STATES = ['waiting', 'sending', 'sent', 'dead', 'dropped'];

export function Notices() {
  const { query } = route.value;
  const turn = useBeat(10_000);
  const [round, setRound] = useState(0);
  const wanted = { state: query.state, channel: query.channel, alert: query.alert, limit: 200 };
  const load = useLoad(`notices ${JSON.stringify(wanted)} ${turn} ${round}`, (signal) => Promise.all([desk.notices(wanted, signal), desk.channels(signal)]));
  if (!load.data) return html`<${DeskTabs} /><section class="panel"><${Pending} load=${load} /></section>`;
  const [{ notices, after }, channels] = load.data;
  return html`<${DeskTabs} /><div class="cols"><div class="stack"><${Log} notices=${notices} more=${Boolean(after)} channels=${channels} query=${query} again=${() => setRound((n) => n + 1)} /></div>
    <div class="stack"><${Channels} channels=${channels} again=${() => setRound((n) => n + 1)} /><${Preview} /></div></div>`;
}

function Log({ notices, more, channels, query, again }) {
  const zone = firstZone(query.branch);
  const filtered = query.state || query.channel || query.alert;
  const retry = (notice) => desk.retry(notice.id).then(() => { tell(t('notices.again')); again(); }, (error) => tell(t('act.failed', { why: error.message })));
  return html`<${Panel} title=${t('view.notices')} note=${t('notices.note', { n: notices.length })}>
    <div class="bar">
      <select aria-label=${t('notices.state')} value=${query.state ?? ''} onChange=${(event) => refine({ state: event.currentTarget.value || undefined })}><option value="">${t('points.anyState')}</option>${STATES.map((state) => html`<option key=${state} value=${state}>${t(`notice.${state}`)}</option>`)}</select>
      <select aria-label=${t('notices.channel')} value=${query.channel ?? ''} onChange=${(event) => refine({ channel: event.currentTarget.value || undefined })}><option value="">${t('notices.anyChannel')}</option>${channels.map((one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}</select>
      ${query.alert && html`<span class="chip">${t('notices.ofAlert')} <a class="link" href=${href('alerts', query.alert)}>${query.alert}</a> <a class="link" href=${here({ alert: undefined })}>${t('list.clear')}</a></span>`}</div>
    ${!notices.length ? html`<${Empty} title=${filtered ? t('list.noMatch') : t('notices.none')}>${filtered ? html`${t('list.noMatchWords')} <a class="link" href=${here({ state: undefined, channel: undefined, alert: undefined })}>${t('list.clear')}</a>` : t('notices.noneWords')}</${Empty}>` : html`
    <div class="scroll-x"><table><thead><tr><th>${t('notices.when')}</th><th>${t('notices.what')}</th><th class="wide-only">${t('notices.whom')}</th><th>${t('notices.result')}</th></tr></thead>
      <tbody>${notices.map((notice) => html`<tr key=${notice.id} data-notice=${notice.id}><td title=${exact(notice.created, zone)}>${moment(notice.done ?? notice.created, zone)}</td>
        <td class="wrap"><bdi title=${notice.title}>${named(notice.titles) || notice.title}</bdi><span class="note block">${word('noticewhy', notice.reason)}${Object.keys(notice.alerts).slice(0, 3).map((id) => html` · <a class="link" href=${href('alerts', id)}>${t('scope.alert')}</a>`)}<span class="phone-only"> · <bdi>${notice.recipient || notice.channel}</bdi></span></span></td>
        <td class="wide-only wrap"><bdi>${notice.recipient || '–'}</bdi><span class="note block"><bdi>${notice.channel}</bdi></span></td>
        <td class="wrap"><span class=${`state s-${notice.state}`}>${t(`notice.${notice.state}`)}</span><span class="note block"><${Result} notice=${notice} bare /></span>${notice.state === 'dead' && html`<button class="button" onClick=${() => retry(notice)}>${t('notices.retry')}</button>`}</td></tr>`)}</tbody></table></div>
      ${more && html`<p class="note under">${t('notices.first', { n: notices.length })}</p>`}`}
  </${Panel}>`;
}

function Channels({ channels, again }) {
  const zone = firstZone();
  const test = (channel) => desk.test(channel.id).then((notice) => { tell([t(`notice.${notice.state}`), said(notice.said)].filter(Boolean).join(t('muted.colon'))); again(); }, (error) => tell(t('act.failed', { why: error.message })));
  return html`<${Panel} title=${t('notices.channels')}>${!channels.length ? html`<${Empty} title=${t('notices.noChannel')}>${t('notices.noChannelWords')}</${Empty}>` : html`<ul class="quiet">${channels.map((one) => html`<li key=${one.id} data-channel=${one.id}><div class="pad-y row-flex"><div><b><bdi>${one.id}</bdi></b> <span class="note">${word('channel', one.type)}</span>
    <span class="why">${t('notices.counts', { sent: count(one.sent), waiting: count(one.waiting + one.sending), dead: count(one.dead) })}${one.last_sent ? ` · ${moment(one.last_sent, zone)}` : ''}</span>${one.error && html`<span class="why failed"><bdi>${said(one.said)}</bdi></span>`}</div><button class="button" onClick=${() => test(one)}>${t('notices.test')}</button></div></li>`)}</ul>`}</${Panel}>`;
}

/** Who would be told of an alert, and in which words; sends nothing. */
function Preview() {
  const [found, setFound] = useState(/** @type {any[] | null} */ (null));
  const [failed, setFailed] = useState('');
  const ask = async (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      setFound(await desk.preview({ target: String(form.get('target')).trim(), severity: String(form.get('severity')) }));
      setFailed('');
    } catch (error) {
      setFailed(/** @type {Error} */ (error).message);
      setFound(null);
    }
  };
  return html`<${Panel} title=${t('notices.preview')} note=${t('notices.previewNote')}><form class="form wide" onSubmit=${ask}>
    <div class="fields"><label class="grow">${t('scope.target')}<input name="target" required maxlength="200" placeholder=${t('scope.targetHint')} /></label><label>${t('alerts.severity')}<select name="severity">${SEVERITIES.map((one) => html`<option key=${one} value=${one}>${t(`sev.${one}`)}</option>`)}</select></label><button class="button">${t('notices.ask')}</button></div>
    ${failed && html`<p class="failed" role="alert">${t('act.failed', { why: failed })}</p>`}</form>
    ${found && (found.length ? html`<ul class="quiet">${found.map((one, i) => html`<li key=${i} data-preview=${one.route}><div class="pad-y"><b><bdi>${one.recipient || one.channel}</bdi></b> <span class="note"><bdi>${one.channel}</bdi> · <bdi>${one.route}</bdi></span><span class="why"><bdi>${one.subject}</bdi></span></div></li>`)}</ul>` : html`<p class="note under">${t('notices.nobody')}</p>`)}</${Panel}>`;
}
