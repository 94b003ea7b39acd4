// A trial on its way and its result: progress and cancel, a row a version, the trade-off curve of a sweep with the value to take, and
// what two versions do differently, episode by episode.
import { html, useChange, useEffect, useState } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { count, duration, moment, number } from '../lib/format.js';
import { language } from '../lib/i18n.js';
import { desk } from '../lib/desk.js';
import { money } from '../lib/cost.js';
import { firstZone } from '../lib/facility.js';
import { said } from '../lib/said.js';
import { Curve } from '../chart/curve.js';

/** How often a running trial is looked at, ms; an answer waits by itself for fresh partial results. */
const LOOK = 700;
const AHEAD = new Set(['waiting', 'running']);

/** @param {{id: string, rule: any, take: (key: string, value: any) => void}} props */
export function Trial({ id, rule, take }) {
  useChange(language);
  const { data, error } = useTrial(id);
  if (error) return html`<div class="trial" data-trial=${id}><p class="failed" role="alert">${t('trial.gone', { why: error })}</p></div>`;
  if (!data) return html`<div class="trial" data-trial=${id}><p class="note" role="status">${t('load.waiting')}</p></div>`;
  const zone = firstZone();
  const ahead = AHEAD.has(data.state);
  return html`<section class="trial" data-trial=${id} data-state=${data.state} aria-label=${t('trial.label', { id })}>
    <div class="trial-head"><h3>${t(data.curve ? 'trial.sweep' : data.changes ? 'trial.two' : 'trial.one')}</h3><span class="note">${moment(data.start, zone)} – ${moment(data.end, zone)} · ${t(`trial.${data.state}`)}${data.samples ? ` · ${t('quality.samples', { n: data.samples })}` : ''}</span>
      ${ahead && html`<progress max="1" value=${data.progress} aria-label=${t('trial.progress')}></progress><span>${number(data.progress * 100, 0)} %</span><button class="button" onClick=${() => desk.endTrial(id)}>${t('trial.cancel')}</button>`}</div>
    ${data.said.map((one, i) => html`<p class=${data.error && i === 0 ? 'failed' : 'note'} role=${data.error && i === 0 ? 'alert' : null} key=${one.text}><bdi>${said(one)}</bdi></p>`)}
    ${data.curve ? html`<${Tradeoff} curve=${data.curve} currency=${data.currency} done=${!ahead} take=${take} />` : html`<${Results} trial=${data} rule=${rule} />`}
    ${data.changes && html`<${Changes} changes=${data.changes} zone=${zone} done=${!ahead} />`}
    ${!data.curve && !data.changes && html`<${Found} trial=${data} zone=${zone} />`}
    ${data.warming > 0 && html`<p class="note">${t('trial.warming', { n: data.warming })}</p>`}
    ${data.not_applicable.length > 0 && html`<p class="note">${t('trial.unjudged', { n: data.not_applicable.length })} <bdi>${said(data.not_applicable[0])}</bdi></p>`}
  </section>`;
}

/** Looks at a trial until it has ended. @param {string} id */
function useTrial(id) {
  const [state, set] = useState({ data: /** @type {any} */ (null), error: '' });
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const look = async () => {
      try {
        const data = await desk.trial(id, abort.signal);
        set({ data, error: '' });
        if (AHEAD.has(data.state)) timer = window.setTimeout(look, LOOK);
      } catch (error) {
        if (!abort.signal.aborted) set((old) => ({ ...old, error: /** @type {Error} */ (error).message }));
      }
    };
    void look();
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [id]);
  return state;
}

const share = (/** @type {number | null} */ v) => (v === null || v === undefined ? '–' : `${number(v * 100, 0)} %`);
const late = (/** @type {number | null} */ v) => (v === null || v === undefined ? '–' : duration(v * 1000));

/** A row for the rule as it runs, one for its changed version. */
function Results({ trial, rule }) {
  const scored = trial.results.some((row) => row.score);
  return html`<div class="scroll-x"><table class="results"><thead><tr><th>${t('trial.version')}</th><th class="num">${t('rules.targets')}</th><th class="num">${t('trial.episodes')}</th><th class="num">${t('trial.hours')}</th><th class="num">${t('trial.cost')}</th>${scored && html`<th class="num">${t('trial.precision')}</th><th class="num">${t('trial.recall')}</th><th class="num">${t('trial.delay')}</th>`}</tr></thead>
    <tbody>${trial.results.map((row) => html`<tr key=${row.rule} data-result=${row.rule}><td>${row.rule.startsWith('after:') ? t('trial.changed') : row.rule === rule.id ? t('trial.asIs') : html`<bdi>${row.rule}</bdi>`}</td><td class="num">${count(row.targets)}</td><td class="num">${count(row.episodes)}</td><td class="num">${number(row.hours, 1)}</td><td class="num">${money(row.cost, trial.currency)}</td>
      ${scored && html`<td class="num">${share(row.score?.precision)}</td><td class="num">${share(row.score?.recall)}</td><td class="num">${late(row.score?.delay)}</td>`}</tr>`)}</tbody></table></div>`;
}

/** The trade-off of a sweep: curve, table, suggestion. */
function Tradeoff({ curve, currency, done, take }) {
  const scored = curve.rows.some((row) => row.score);
  const suggestion = curve.suggested !== null && curve.suggested !== undefined;
  return html`<${Curve} rows=${curve.rows} field=${curve.field} suggested=${curve.suggested} />
    ${done && html`<p class="suggestion" data-suggested=${suggestion ? String(curve.suggested) : ''}>${suggestion ? html`<b>${t('trial.suggested', { field: curve.field, v: String(curve.suggested) })}</b> ${t(scored ? 'trial.becauseLabels' : 'trial.becauseQuiet')} <button class="button" onClick=${() => take(curve.field, curve.suggested)}>${t('trial.take')}</button>` : t('trial.noSuggestion')}</p>`}
    <div class="scroll-x"><table class="results"><thead><tr><th><code>${curve.field}</code></th><th class="num">${t('trial.episodes')}</th><th class="num">${t('trial.hours')}</th><th class="num">${t('trial.rate')}</th><th class="num">${t('trial.cost')}</th>${scored && html`<th class="num">${t('trial.precision')}</th><th class="num">${t('trial.recall')}</th><th class="num">F1</th>`}</tr></thead>
    <tbody>${curve.rows.map((row) => html`<tr key=${String(row.value)} class=${row.value === curve.suggested ? 'picked' : ''}><td><bdi>${String(row.value)}</bdi></td><td class="num">${count(row.episodes)}</td><td class="num">${number(row.hours, 1)}</td><td class="num">${number(row.rate, 2)}</td><td class="num">${money(row.cost, currency)}</td>
      ${scored && html`<td class="num">${share(row.score?.precision)}</td><td class="num">${share(row.score?.recall)}</td><td class="num">${row.score ? number(row.score.f1, 2) : '–'}</td>`}</tr>`)}</tbody></table></div>`;
}

const KINDS = ['new', 'gone', 'earlier', 'later', 'longer', 'shorter'];

/** What became of an episode in the other version. */
const kindOf = (one) => (!one.before ? 'new' : !one.after ? 'gone' : one.shift < 0 ? 'earlier' : one.shift > 0 ? 'later' : one.longer > 0 ? 'longer' : 'shorter');

/** What the changed version does differently. */
function Changes({ changes, zone, done }) {
  const told = changes.filter((one) => !one.before || !one.after || one.shift || one.longer);
  if (!told.length) return done ? html`<p class="note">${t('diff.none')}</p>` : null;
  const tally = KINDS.map((what) => [what, told.filter((one) => kindOf(one) === what).length]).filter(([, n]) => n);
  return html`<h3>${t('diff.title', { n: told.length })}: <span class="note">${tally.map(([what, n]) => `${t(`diff.n.${what}`)} ${count(Number(n))}`).join(' · ')}</span></h3><ul class="diff tall" tabindex="0" aria-label=${t('diff.title', { n: told.length })}>${told.slice(0, 200).map((one, i) => {
    const what = kindOf(one);
    const shown = one.after ?? one.before;
    const by = what === 'new' || what === 'gone' ? '' : ` ${duration(Math.abs(one.shift || one.longer))}`;
    return html`<li key=${i} class=${`d-${what}`}><b>${t(`diff.${what}`)}${by}</b> <span class="note">${moment(shown.fired, zone)}</span> <bdi>${named(shown.title) || shown.target}</bdi></li>`;
  })}</ul>`;
}

/** The episodes of a trial of one version. */
function Found({ trial, zone }) {
  if (!trial.episodes.length) return html`<p class="note">${AHEAD.has(trial.state) ? t('trial.yetNone') : t('trial.none')}</p>`;
  return html`<ul class="diff tall" tabindex="0" aria-label=${t('trial.episodes')}>${trial.episodes.slice(0, 200).map((one, i) => html`<li key=${i}><span class="note">${moment(one.fired, zone)}</span> <bdi>${named(one.title) || one.target}</bdi> <span class="note">${one.resolved ? duration(one.resolved - one.since) : word('trial', 'lasts')}</span></li>`)}</ul>
    ${trial.total > 200 && html`<p class="note">${t('now.more', { n: trial.total - 200 })}</p>`}`;
}
