// Baseline and savings of a register: what would be expected, how well the model fits, what was saved, or why nothing can be said.
import { html, useLoad } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { measure, number, moment } from '../lib/format.js';
import { percent } from '../lib/energy.js';
import { said } from '../lib/said.js';
import { Panel } from './panel.js';

/** @param {{id: string, start: number, end: number, unit: string, metric: string, zone: string}} props */
export function Baseline({ id, start, end, unit, metric, zone }) {
  const load = useLoad(`baseline ${id}`, (signal) => api.baseline(id, signal));
  const found = load.data?.baseline;
  const savings = useLoad(found && !found.refused ? `savings ${id} ${start} ${end}` : '', (signal) => api.savings(id, { start, end }, signal));
  const say = (v) => measure(v, { unit, metric });
  const saved = savings.data;
  return html`<${Panel} title=${t('baseline.title')}>${!found ? html`<div class="empty">${t('baseline.none')}</div>` : html`<dl class="facts">
    ${found.refused && html`<dt>${t('baseline.refused')}</dt><dd>${word('refused', found.refused)}${found.value !== null && found.limit !== null ? ` (${number(found.value, 3)} / ${number(found.limit, 3)})` : ''}</dd>`}
    ${found.start > 0 && html`<dt>${t('baseline.period')}</dt><dd>${moment(found.start, zone)} – ${moment(found.end, zone)}</dd>`}
    ${found.form && html`<dt>${t('baseline.fit')}</dt><dd>CV(RMSE) ${percent(found.cv)} · NMBE ${percent(found.nmbe)} · R² ${found.r2 === null ? '–' : number(found.r2, 2)}</dd>`}
    ${saved && (saved.refused ? html`<dt>${t('baseline.savings')}</dt><dd>${said({ ...saved, text: saved.refused })}</dd>` : html`<dt>${t('baseline.savings')}</dt><dd data-saved=${saved.saved}>${say(saved.saved)} ± ${say(saved.half_width)} <span class="note">${percent(saved.fraction)} · ${t('baseline.confidence', { v: percent(saved.confidence) })}</span></dd><dt>${t('baseline.expected')}</dt><dd>${say(saved.expected)}</dd>`)}
    ${savings.error && html`<dt>${t('baseline.savings')}</dt><dd>${savings.error.message}</dd>`}</dl>`}</${Panel}>`;
}
