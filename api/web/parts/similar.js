// Earlier episodes of the same rule, on this target first and then on others of the type, and how each was closed.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { duration, moment } from '../lib/format.js';
import { go, href } from '../lib/route.js';
import { nodeOf } from '../lib/facility.js';
import { amounts, lasted } from '../lib/sentence.js';
import { perDay } from '../lib/cost.js';
import { Verdict } from './deskrow.js';
import { Panel } from './panel.js';

/** @param {{alert: any, zone: string}} props */
export function Similar({ alert, zone }) {
  if (!alert.similar.length) return html`<${Panel} title=${t('before.title')}><div class="empty">${t('before.none')}</div></${Panel}>`;
  return html`<${Panel} title=${t('before.title')} note=${t('before.note')} more=${html`<a class="link" href=${href('rules', alert.rule)}>${t('before.all')}</a>`}><div class="scroll-x"><table>
    <thead><tr><th>${t('before.when')}</th><th class="num">${t('alerts.lasted')}</th><th class="num">${t('alert.worst')}</th><th class="num wide-only">${t('alerts.cost')}</th><th>${t('before.how')}</th></tr></thead>
    <tbody>${alert.similar.map((other) => html`<tr key=${other.id} class="row" data-similar=${other.id} onClick=${() => go(href('alerts', other.id))}>
      <td><a class="link" href=${href('alerts', other.id)}>${moment(other.since, zone)}</a></td><td class="num">${duration(lasted(other))}</td><td class="num">${amounts(other).worst}</td><td class="num wide-only">${perDay(other)}</td>
      <td class="wrap"><${Ended} other=${other} /></td></tr>`)}</tbody></table></div></${Panel}>`;
}

/** Who closed it and with which words; on another target, which. */
function Ended({ other }) {
  const said = other.said.at(-1) ?? '';
  const who = other.closed_by || other.acknowledged_by;
  const how = other.condition !== 'resolved' ? t('before.open') : other.closed_by ? t('human.closedBy', { who }) : who || t('human.unseen');
  return html`${other.same ? '' : html`<span class="note"><bdi>${named(nodeOf(other.node)?.name) || other.target}</bdi> · </span>`}<bdi>${said || how}</bdi><${Verdict} alert=${other} />`;
}
