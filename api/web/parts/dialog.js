// A modal dialog on the browser's own <dialog>: focus stays inside, Escape closes, focus returns.
import { html, useEffect, useRef } from '../lib/html.js';

/** @param {{label: string, onClose: () => void, class?: string, children?: any}} props */
export function Dialog({ label, onClose, class: extra = '', children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const dialog = box.current;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog?.showModal();
    return () => {
      dialog?.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog ref=${box} class=${extra} aria-label=${label}
    onCancel=${(event) => { event.preventDefault(); onClose(); }}
    onClick=${(event) => event.target === box.current && onClose()}>${children}</dialog>`;
}
