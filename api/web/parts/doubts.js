// What is doubtful about a figure, as marks with words: missing, held, spread, estimated, restated. A whole one has none.
import { html } from '../lib/html.js';
import { doubts } from '../lib/energy.js';

/** @param {{quality: any}} props */
export const Doubts = ({ quality }) => doubts(quality).map((one) => html`<span key=${one.kind} class=${`doubt d-${one.kind}`} title=${one.title}><i></i>${one.text}</span>`);
