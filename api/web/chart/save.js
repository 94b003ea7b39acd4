// Saving a chart as a picture with its title. (CSV comes from the API, with every window and all its columns.)

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
