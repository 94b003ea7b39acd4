// The icons of the rail, drawn on a 16 px grid.
import { html } from '../lib/html.js';

const PATHS = {
  now: 'M2 8h3l2-5 3 10 2-5h2',
  places: 'M3 14V6l5-4 5 4v8zM6.5 14v-4h3v4',
  energy: 'M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z',
  reports: 'M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3M5.5 8h5M5.5 11h5',
  alerts: 'M8 2 15 14H1zM8 6.5v3.5M8 12v.4',
  fleet: 'M2.5 11V8L4 4.5h8L13.5 8v3zM2.5 8h11M4.5 11v2M11.5 11v2M5 9.5h1M10 9.5h1',
  meters: 'M8 2a6 6 0 1 0 0 12a6 6 0 0 0 0-12zM8 8l3-2.5M5 11h6',
  rules: 'M3 2.5h10v11H3zM5.5 6l1 1 2-2M5.5 10.5l1 1 2-2M10 6.5h1.5M10 11h1.5',
  devices: 'M3 3h10v10H3zM6 6h4v4H6zM8 1v2M8 13v2M1 8h2M13 8h2',
  settings: 'M2 4h12M2 8h12M2 12h12M5 2.5v3M10 6.5v3M7 10.5v3',
  find: 'M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9zM10.5 10.5 14 14',
};

/** @param {{name: string}} props */
export const Icon = ({ name }) => html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
