// Times that tell themselves: <rc-time>, <rc-countdown>, <rc-elapsed>. The server renders moments; each browser says them in
// its own zone with UTC beside it, and counts by the server's clock, so that every viewer sees the same.
// The page says when the server drew it; that is the moment when its answer began, however long the rest took to load.
const began = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart ?? 0);
const offset = (Date.parse(document.documentElement.dataset.now ?? "") || began) - began;
const now = () => Date.now() + offset;
const two = n => String(n).padStart(2, "0");
const clock = (d, utc) => utc
  ? `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}Z`
  : `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;

function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(Math.floor(s % 60))} s`;
  return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
}

class Moment extends HTMLElement {
  static observedAttributes = ["at", "short"];
  connectedCallback() { this.draw(); }
  attributeChangedCallback() { this.draw(); }
  draw() {
    const d = new Date(this.getAttribute("at"));
    if (isNaN(d)) return;
    const local = clock(d, false), utc = clock(d, true);
    const zone = d.getTimezoneOffset() === 0;
    const day = d.toDateString() === new Date(now()).toDateString() ? "" : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} `;
    this.title = `${d.toISOString()} (UTC)\n${d.toString()}`;
    this.textContent = this.hasAttribute("short") || zone ? day + (zone ? utc : local) : `${day}${local} `;
    if (!zone && !this.hasAttribute("short")) this.append(Object.assign(document.createElement("i"), { textContent: utc }));
  }
}

class Ticking extends HTMLElement {
  connectedCallback() { this.timer = setInterval(() => this.draw(), this.every); this.draw(); }
  disconnectedCallback() { clearInterval(this.timer); }
  attributeChangedCallback() { this.draw(); }
}

class Countdown extends Ticking {
  static observedAttributes = ["until"];
  every = 250;
  draw() {
    const left = Date.parse(this.getAttribute("until")) - now();
    if (isNaN(left)) return;
    const s = Math.floor(Math.abs(left) / 1000);
    const text = s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
    this.classList.toggle("late", left < 0);
    this.textContent = left < 0 ? `+${text} late` : text;
    this.setAttribute("role", "timer");
  }
}

class Elapsed extends Ticking {
  static observedAttributes = ["from", "to"];
  every = 500;
  draw() {
    const to = this.getAttribute("to");
    const ms = (to ? Date.parse(to) : now()) - Date.parse(this.getAttribute("from"));
    if (!isNaN(ms)) this.textContent = span(ms);
    // A retried step runs again: its end goes away and the time counts on.
    if (to) { clearInterval(this.timer); this.timer = 0; } else if (this.isConnected) this.timer ||= setInterval(() => this.draw(), this.every);
  }
}

customElements.define("rc-time", Moment);
customElements.define("rc-countdown", Countdown);
customElements.define("rc-elapsed", Elapsed);

// The decision clock in the browser's tab: of several on a page the most urgent. The page's own title stands behind it.
let own = document.title, shown = "";
setInterval(() => {
  if (document.title !== shown) own = document.title;
  const clocks = [...document.querySelectorAll("rc-countdown[data-tab-clock]")].map(c => ({ at: Date.parse(c.getAttribute("until")), text: c.textContent })).filter(c => c.text);
  const first = clocks.sort((a, b) => a.at - b.at)[0];
  shown = first ? `${first.at < now() ? "⚠" : "⏱"} ${first.text} · ${own}` : own;
  if (document.title !== shown) document.title = shown;
  for (const bar of document.querySelectorAll("progress[data-until]")) {
    const from = Date.parse(bar.dataset.from), until = Date.parse(bar.dataset.until);
    bar.value = Math.min(100, Math.max(0, (now() - from) / (until - from) * 100));
  }
}, 500);
