// ANSI colours to spans; every other escape sequence is dropped. Text only ever becomes text nodes, so a line can never become markup.
const COLOURS = ["#8797a0", "#ff8f8f", "#8fd694", "#e6cf6b", "#86b7f2", "#d59bf0", "#74d3d3", "#e8eef0"];
const BRIGHT = ["#a7b5bd", "#ffb0b0", "#aeeab2", "#f5e39a", "#aed0ff", "#e6bffa", "#a3ecec", "#ffffff"];
const ESCAPE = /\u001b(?:\[([0-9;:?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

export function spans(text) {
  if (!text.includes("\u001b")) return [{ text, style: "" }];
  const parts = [];
  let style = {}, from = 0;
  const push = to => { if (to > from) parts.push({ text: text.slice(from, to), style: css(style) }); };
  for (const m of text.matchAll(ESCAPE)) {
    push(m.index);
    from = m.index + m[0].length;
    if (m[2] === "m") style = apply(style, m[1]);
  }
  push(text.length);
  return parts;
}

function apply(style, codes) {
  const list = (codes || "0").split(/[;:]/).map(Number);
  let s = { ...style };
  for (let i = 0; i < list.length; i++) {
    const c = list[i];
    if (c === 0) s = {};
    else if (c === 1) s.weight = "700";
    else if (c === 3) s.slant = "italic";
    else if (c === 4) s.line = "underline";
    else if (c === 22) delete s.weight;
    else if (c >= 30 && c <= 37) s.color = COLOURS[c - 30];
    else if (c >= 90 && c <= 97) s.color = BRIGHT[c - 90];
    else if (c === 39) delete s.color;
    else if (c === 38 && list[i + 1] === 5) { s.color = palette(list[i + 2]); i += 2; }
    else if (c === 38 && list[i + 1] === 2) { s.color = `rgb(${list.slice(i + 2, i + 5).map(n => n & 255).join(",")})`; i += 4; }
  }
  return s;
}

function palette(n) {
  if (n < 8) return COLOURS[n];
  if (n < 16) return BRIGHT[n - 8];
  if (n >= 232) { const v = 8 + (n - 232) * 10; return `rgb(${v},${v},${v})`; }
  const k = n - 16, part = x => x === 0 ? 0 : 55 + 40 * x;
  return `rgb(${part(Math.floor(k / 36))},${part(Math.floor(k / 6) % 6)},${part(k % 6)})`;
}

const css = s => [s.color && `color:${s.color}`, s.weight && `font-weight:${s.weight}`, s.slant && `font-style:${s.slant}`, s.line && `text-decoration:${s.line}`].filter(Boolean).join(";");
