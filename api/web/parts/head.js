// The head: which part of the facility is looked at (every view is filtered by it), and the door to Find.
import { html, useChange, useState } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { facility, looking, trail } from '../lib/facility.js';
import { alerts, burden } from '../lib/alerts.js';
import { here, go, href, route } from '../lib/route.js';
import { Dialog } from './dialog.js';
import { Icon } from './icons.js';
import { Tree } from './tree.js';

/** @param {{onFind: () => void, onHelp: () => void}} props */
export function Head({ onFind, onHelp }) {
  const [choosing, setChoosing] = useState(false);
  useChange(looking);
  const branch = (route.value.item && looking.value) || route.value.query.branch || '';
  const steps = trail(branch);
  return html`<div class="head">
    <nav class="path" aria-label=${t('branch.path')}>
      ${steps.map((node, i) => html`<span class="crumb" key=${node.key}>${i ? html`<span class="sep" aria-hidden="true">›</span>` : ''}<a href=${to(node.kind === 'facility' ? '' : node.key)} aria-current=${i === steps.length - 1 ? 'location' : null}><bdi>${named(node.name) || node.id}</bdi></a></span>`)}
      <button onClick=${() => setChoosing(true)} aria-label=${t('branch.choose')} title=${t('branch.choose')} aria-haspopup="dialog">▾</button>
    </nav>
    <button class="open-find" onClick=${onFind} aria-label=${t('find.open')}><span class="words">${t('find.open')}</span><kbd>/</kbd><${Icon} name="find" /></button>
    <button class="open-help" onClick=${onHelp} aria-label=${t('help.title')}><kbd>?</kbd></button>
    ${choosing && html`<${Choose} branch=${branch} onClose=${() => setChoosing(false)} />`}
  </div>`;
}

/** The same view for another part; from a point or an alert, the places or the list. @param {string} branch */
function to(branch) {
  const { view, item } = route.value;
  if (view === 'point') return href('places', '', { branch: branch || undefined });
  return item ? href(view, '', { branch: branch || undefined }) : here({ branch: branch || undefined });
}

function Choose({ branch, onClose }) {
  useChange(alerts);
  const { nodes, roots, root } = facility.value;
  return html`<${Dialog} label=${t('branch.choose')} onClose=${onClose}>
    <h2>${t('branch.choose')}</h2>
    <${Tree} nodes=${nodes} roots=${roots} chosen=${branch || root} burden=${burden()} maxHeight="60vh" choose=${(key) => go(to(key === root ? '' : key))} />
    <div class="in"><button class="button" onClick=${onClose}>${t('act.close')}</button></div>
  </${Dialog}>`;
}
