// A list of any length: only the rows that can be seen exist. Rows have one height; scrolling costs what is on screen.
import { html, useLayoutEffect, useRef, useState } from '../lib/html.js';

/**
 * @param {{count: number, height: number, row: (index: number) => any, onRange?: (from: number, to: number) => void,
 *   class?: string, show?: number, role?: string, label?: string, maxHeight?: string, active?: number, attrs?: object}} props
 *   show: an index to bring into view when it changes
 */
export function Virtual({ count, height, row, onRange, class: extra = '', show = -1, label, role, maxHeight = '', attrs = {} }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState({ top: 0, size: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => setView({ top: element.scrollTop, size: element.clientHeight || 600 });
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || show < 0) return;
    const top = show * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight) element.scrollTop = top + height - element.clientHeight;
  }, [show]);
  const from = Math.max(0, Math.floor(view.top / height) - 6);
  const to = Math.min(count, Math.ceil((view.top + view.size) / height) + 6);
  useLayoutEffect(() => onRange?.(from, to), [from, to, count]);
  const rows = [];
  for (let index = from; index < to; index += 1) rows.push(row(index));
  const style = maxHeight ? { height: `min(${count * height + 2}px, ${maxHeight})` } : null;
  return html`<div class=${`virtual ${extra}`} ref=${box} style=${style} role=${role} aria-label=${label} tabindex="0" ...${attrs}
    onScroll=${(event) => setView({ top: event.currentTarget.scrollTop, size: event.currentTarget.clientHeight })}>
    <div class="tall" style=${{ height: `${count * height}px` }} role="presentation">${rows}</div>
  </div>`;
}
