// What the keyboard can do.
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Dialog } from './dialog.js';

const KEYS = [
  [['/', 'Ctrl-K'], 'help.find'], [['j', 'k'], 'help.move'], [['Enter'], 'help.open'], [['a'], 'help.acknowledge'], [['x'], 'help.pick'],
  [['w', 's', 'c', 'l', 'm'], 'help.work'], [['o'], 'help.start'], [['t'], 'help.try'],
  [['g n', 'g p', 'g a', 'g d', 'g e', 'g r', 'g b', 'g u', 'g f'], 'help.go'], [['←', '→', '+', '−', '0'], 'help.chart'], [['Esc'], 'help.close'], [['?'], 'help.help'],
];

/** @param {{onClose: () => void}} props */
export function Help({ onClose }) {
  return html`<${Dialog} label=${t('help.title')} onClose=${onClose}>
    <h2>${t('help.title')}</h2>
    <div class="in"><dl class="keys">${KEYS.map(([keys, what]) => html`<dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${t(what)}</dd>`)}</dl>
      <p class="note">${t('help.note')}</p>
      <button class="button" onClick=${onClose}>${t('act.close')}</button></div>
  </${Dialog}>`;
}
