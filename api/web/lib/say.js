// What the page tells a person once: to screen readers politely, and as a short message at the bottom.
import { Store } from './state.js';

/** @type {Store<string>} */
export const announced = new Store('');
/** @type {Store<string>} */
export const toast = new Store('');
let timer = 0;

/** @param {string} words */
export const announce = (words) => announced.set(words);

/** @param {string} words */
export function tell(words) {
  toast.set(words);
  clearTimeout(timer);
  timer = window.setTimeout(() => toast.set(''), 4000);
}
