// Views that are loaded when first shown, so that the page starts with what everybody sees first.
import { html, useLoad } from './html.js';
import { Pending } from '../parts/panel.js';

/** Component by its name, once its module is here. @type {Map<string, any>} */
const held = new Map();

/**
 * A component that stands for one of a module which is not loaded yet.
 * @param {string} name as the module exports it @param {() => Promise<any>} load
 */
export function lazy(name, load) {
  return function Later(/** @type {any} */ props) {
    const View = held.get(name);
    const wait = useLoad(View ? '' : name, () => load().then((module) => (held.set(name, module[name]), true)));
    const Now = held.get(name);
    return Now ? html`<${Now} ...${props} />` : html`<section class="panel"><${Pending} load=${wait} /></section>`;
  };
}
