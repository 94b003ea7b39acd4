// A value is never alone: unit, age and quality go with it. Stale is dimmed with a hollow dot and the age in words;
// uncertain has a mark that explains itself; no data is a dash.
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { age, duration, exact, valueText } from '../lib/format.js';
import { now, useSecond } from '../lib/clock.js';
import { useValue } from '../lib/values.js';

/** The server says what is stale; while the connection is down the page goes on counting by the server's own rule. */
const SILENT = 3;

/** @param {any} point @param {import('../lib/values.js').Latest | undefined} latest @param {number} at now, ms */
export const isStale = (point, latest, at) => Boolean(latest?.at) && (latest?.state === 1 || latest?.state === 2 || at - (latest?.at ?? 0) > Math.max(30_000, SILENT * (point.interval ?? 60_000)));

/** @param {{point: any, display?: import('../lib/units.js').Display}} props */
export function Value({ point, display }) {
  const latest = useValue(point.id);
  const stale = isStale(point, latest, now());
  const { text, unit } = valueText(latest?.quality === 2 ? null : latest?.value, point, display);
  const turn = latest?.turn ?? 0;
  const flash = turn > 0 ? (turn % 2 ? ' ch-a' : ' ch-b') : '';
  return html`<span class=${stale ? 'value stale' : 'value'} data-point=${point.id}>${stale && html`<span class="hollow"></span><span class="sr">${t('quality.stale')} </span>`}<span class=${`v${stale ? '' : flash}`}>${text}</span>${unit && html`<span class="u">${unit}</span>`}<${Mark} quality=${latest?.quality} /></span>`;
}

/** The mark of a value that is not good. @param {{quality?: number}} props */
export function Mark({ quality }) {
  if (!quality) return null;
  const which = quality === 1 ? 'uncertain' : 'bad';
  return html`<span class="mark" title=${t(`quality.why.${which}`)}>${t(`quality.${which}`)}</span>`;
}

/** The age of a point's value; in words once it is stale. @param {{point: any, zone?: string}} props */
export function Age({ point, zone = '' }) {
  const latest = useValue(point.id);
  const at = useSecond();
  if (!latest || !latest.at) return html`<span class="age">–<span class="sr">${t('quality.none')}</span></span>`;
  const stale = isStale(point, latest, at);
  return html`<span class=${stale ? 'age stale' : 'age'} title=${exact(latest.at, zone)}>${stale ? t('quality.silentFor', { v: duration(at - latest.at) }) : age(at - latest.at)}</span>`;
}
