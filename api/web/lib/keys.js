// One keyboard listener for the page. A view binds its keys while it is shown; the latest binding of a key wins.
// Keys typed into a field belong to the field (a tick is no field), keys with modifiers to the browser, except Ctrl-K.
import { useEffect, useRef } from './html.js';

/** @type {{current: Record<string, (event: KeyboardEvent) => void>}[]} */
const layers = [];
/** The moment of a `g`, which makes the next key a place to go to: `g a`. */
let prefixed = -Infinity;

function nameOf(/** @type {KeyboardEvent} */ event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') return 'Ctrl-K';
  if (event.ctrlKey || event.metaKey || event.altKey) return '';
  return event.key;
}

addEventListener('keydown', (event) => {
  let name = nameOf(event);
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.closest?.('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]');
  // an open dialog has the keyboard to itself
  if (document.querySelector('dialog[open]')) return;
  if (!name || (typing && name !== 'Escape' && name !== 'Ctrl-K')) return;
  if (event.timeStamp - prefixed < 1500) name = `g ${name}`;
  prefixed = name === 'g' ? event.timeStamp : -Infinity;
  // Enter and space on a focused control are that control's own
  if ((name === 'Enter' || name === ' ') && target.closest?.('a, button, summary, input')) return;
  for (let i = layers.length - 1; i >= 0; i -= 1) {
    const bound = layers[i].current[name];
    if (!bound) continue;
    event.preventDefault();
    bound(event);
    return;
  }
});

/** @param {Record<string, (event: KeyboardEvent) => void>} bindings key name -> what it does */
export function useKeys(bindings) {
  const layer = useRef(bindings);
  layer.current = bindings;
  useEffect(() => {
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, []);
}
