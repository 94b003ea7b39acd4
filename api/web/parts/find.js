// Find anything from anywhere: `/` or Ctrl-K. The server searches names in both languages, ids, rooms and number plates.
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { go, href } from '../lib/route.js';
import { Dialog } from './dialog.js';

/** Where a hit leads. @param {{kind: string, id: string}} hit */
export function target({ kind, id }) {
  if (kind === 'point') return href('point', id);
  if (kind === 'alert') return href('alerts', id);
  if (kind === 'device') return href('devices', id);
  return href('places', '', { branch: `${kind}:${id}` });
}

/** The nearest places above a hit, else its id or plate. @param {any} hit */
const where = (hit) => (hit.where ?? []).slice(-3).map(named).filter(Boolean).join(' › ') || hit.extra || hit.id;

/** @param {{onClose: () => void}} props */
export function Find({ onClose }) {
  const [q, setQ] = useState('');
  const [hits, setHits] = useState(/** @type {any[] | null} */ (null));
  const [at, setAt] = useState(0);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    if (!q.trim()) {
      setHits(null);
      return undefined;
    }
    const abort = new AbortController();
    // a short pause, so that a fast typist asks once
    const timer = setTimeout(() => api.search(q.trim(), abort.signal).then((found) => { setHits(found); setAt(0); }, () => {}), 120);
    return () => { clearTimeout(timer); abort.abort(); };
  }, [q]);
  const open = (hit) => { onClose(); go(target(hit)); };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'ArrowDown') setAt(Math.min((hits?.length ?? 1) - 1, at + 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1));
    else if (event.key === 'Enter' && hits?.[at]) open(hits[at]);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} label=${t('find.title')} onClose=${onClose} class="find">
    <input ref=${field} type="search" role="combobox" aria-expanded=${Boolean(hits?.length)} aria-controls="find-hits" aria-activedescendant=${hits?.length ? `hit-${at}` : null}
      aria-label=${t('find.title')} placeholder=${t('find.open')} value=${q} onInput=${(event) => setQ(event.currentTarget.value)} onKeyDown=${keys} autocomplete="off" spellcheck=${false} />
    <p class="sr" role="status">${hits ? t('find.found', { n: hits.length }) : ''}</p>
    ${hits?.length ? html`<div class="hits" id="find-hits" role="listbox" aria-label=${t('find.title')}>${hits.map((hit, i) => html`<a key=${`${hit.kind}:${hit.id}`} id=${`hit-${i}`} role="option" aria-selected=${i === at} href=${target(hit)} tabindex="-1" onClick=${(event) => { event.preventDefault(); open(hit); }}>
        <span class="kind">${t(`kind.${hit.kind}`)}</span><span class="wrap"><bdi>${named(hit.name) || hit.id}</bdi></span><span class="where"><bdi>${where(hit)}</bdi></span></a>`)}</div>`
      : html`<div class="empty">${hits ? t('find.none', { q }) : t('find.start')}</div>`}
  </${Dialog}>`;
}
