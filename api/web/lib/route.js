// The address holds the state: `#/view/item?key=value`. In the hash, so that a link works behind any proxy path and offline.
// `branch` (the tree's filter) is carried from view to view; everything else belongs to the view that wrote it.
import { Store } from './state.js';

/** @typedef {{view: string, item: string, query: Record<string, string>}} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view = '', ...rest] = path.split('/');
  let item = rest.join('/');
  try {
    item = decodeURIComponent(item);
  } catch {
    // a hand-written address with a stray % is taken as it stands
  }
  return { view: view || 'now', item, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** @type {Store<Route>} */
export const route = new Store(parse(location.hash));
addEventListener('hashchange', () => route.set(parse(location.hash)));

/** @param {string} view @param {string} [item] @param {Record<string, string | undefined>} [query] */
export function href(view, item = '', query = {}) {
  const params = new URLSearchParams();
  const all = { branch: route.value.query.branch, ...query };
  for (const [key, value] of Object.entries(all)) if (value) params.set(key, value);
  const search = params.toString();
  return `#/${view}${item ? `/${encodeURIComponent(item)}` : ''}${search ? `?${search}` : ''}`;
}

/** Opens an address; Back returns from it. */
export function go(/** @type {string} */ address) {
  location.hash = address;
}

/** Changes parts of the present address without a step in the history. @param {Record<string, string | undefined>} query */
export function refine(query) {
  // the address itself, not the store: a Back may be on its way
  const { view, item, query: old } = parse(location.hash);
  history.replaceState(history.state, '', href(view, item, { ...old, ...query }));
  route.set(parse(location.hash));
}

/** The same view with other parts of the query, as a link. @param {Record<string, string | undefined>} query */
export const here = (query) => href(route.value.view, route.value.item, { ...route.value.query, ...query });
