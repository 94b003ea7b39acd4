// Places: the tree at the left, the points below the chosen node at the right, live.
import { html, useChange } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { facility, nodeOf } from '../lib/facility.js';
import { alerts, burden } from '../lib/alerts.js';
import { go, href, route } from '../lib/route.js';
import { Tree } from '../parts/tree.js';
import { Points } from '../parts/points.js';
import { Panel, Pending } from '../parts/panel.js';

export function Places() {
  useChange(alerts);
  const { nodes, roots, root, ready } = facility.value;
  const branch = route.value.query.branch ?? '';
  if (!ready) return html`<section class="panel"><${Pending} load=${{ data: undefined, loading: true }} /></section>`;
  const node = nodeOf(branch || root);
  const title = node ? html`<bdi>${named(node.name) || node.id}</bdi>${node.type ? html` <span class="note">${word('equip', node.type)}</span>` : ''}` : t('branch.gone');
  return html`<div class="split">
    <${Panel} class="side" title=${t('tree.title')} note=${t('tree.note')}><${Tree} nodes=${nodes} roots=${roots} chosen=${branch || root} burden=${burden()} choose=${(key) => go(href('places', '', { branch: key === root ? '' : key }))} /></${Panel}>
    <${Points} branch=${branch} query=${route.value.query} title=${title} />
  </div>`;
}
