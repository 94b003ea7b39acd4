// Saving a chart as a picture with its title, and a table as CSV. (History's CSV comes from the API, with every window.)

/** @param {Blob} blob @param {string} name */
function offer(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Letters, digits and CJK stay; the rest would trouble file systems. @param {string} text */
const fileName = (text) => text.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80) || 'chart';

/** @param {HTMLCanvasElement} canvas @param {string} title @param {string} note @param {{ground: string, text: string, font: string}} look */
export function savePng(canvas, title, note, look) {
  const ratio = devicePixelRatio;
  const head = 44 * ratio;
  const out = document.createElement('canvas');
  out.width = canvas.width + 24 * ratio;
  out.height = canvas.height + head + 12 * ratio;
  const ctx = /** @type {CanvasRenderingContext2D} */ (out.getContext('2d'));
  ctx.fillStyle = look.ground;
  ctx.fillRect(0, 0, out.width, out.height);
  ctx.fillStyle = look.text;
  ctx.font = `600 ${15 * ratio}px ${look.font}`;
  ctx.fillText(title, 12 * ratio, 20 * ratio);
  ctx.font = `${12 * ratio}px ${look.font}`;
  ctx.fillText(note, 12 * ratio, 37 * ratio);
  ctx.drawImage(canvas, 12 * ratio, head);
  out.toBlob((blob) => blob && offer(blob, `${fileName(title)}.png`), 'image/png');
}

/** A cell: numbers as they are, text quoted; what a spreadsheet would take for a formula stays text. @param {string | number | null | undefined} v */
const cell = (v) => (v === null || v === undefined ? '' : typeof v === 'number' ? String(v) : `"${(/^[=+\-@\t\r]/.test(v) ? `'${v}` : v).replace(/"/g, '""')}"`);

/** Saves rows as CSV (UTF-8 with a mark, so that spreadsheets read CJK). @param {(string | number | null | undefined)[][]} rows @param {string} name */
export const saveCsv = (rows, name) => offer(new Blob(['\ufeff', rows.map((row) => row.map(cell).join(',')).join('\r\n'), '\r\n'], { type: 'text/csv' }), `${fileName(name)}.csv`);
