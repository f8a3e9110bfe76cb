// The log pane. The server's log is a list of lines numbered without gaps; the pane knows the last number, draws only the rows in
// sight, fetches what it lacks, and takes new lines from the live hub from its own position on, so a break costs nothing.
import { join, leave } from "./live.js";
import { spans } from "./ansi.js";

const ROW = 20;          // px, as in log-pane.css
const CHUNK = 500;       // lines fetched at once
// <base href="/"> would lead a bare "#L5" to the board.
const here = seq => `${location.pathname}${location.search}#L${seq}`;
const MOST_KEPT = 20000; // lines in memory; far ones are fetched again when somebody scrolls back

export function open(element, run, steps) { return new LogPane(element, run, steps); }

class LogPane {
  constructor(element, run, steps) {
    Object.assign(this, { element, run, last: 0, known: new Map(), asked: new Set(), only: null, following: true, term: "", hits: [], hit: -1 });
    this.build(steps);
    this.ready = this.begin();
  }

  build(steps) {
    const make = (tag, props = {}, ...children) => { const e = Object.assign(document.createElement(tag), props); e.append(...children); return e; };
    this.search = make("input", { type: "search", placeholder: "Search the whole log" });
    this.search.setAttribute("aria-label", "Search the log");
    this.step = make("select", {}, make("option", { value: "", textContent: "All steps" }), ...steps.map(s => make("option", { value: s, textContent: s })));
    this.step.setAttribute("aria-label", "Step");
    this.found = make("span");
    this.follow = make("button", { type: "button", textContent: "Follow" });
    this.count = make("span", { className: "log-count" });
    this.broken = make("span", { className: "log-state" });
    this.broken.setAttribute("role", "status");
    const raw = make("a", { href: `/api/v1/runs/${this.run}/logs/raw`, textContent: "Download", download: "" });
    const back = make("button", { type: "button", textContent: "↑", title: "Match before (Shift+Enter)" });
    const next = make("button", { type: "button", textContent: "↓", title: "Next match (Enter)" });
    const bar = make("div", { className: "log-bar" }, this.search, back, next, this.found, this.step, this.follow, raw, this.broken, this.count);
    this.rows = make("div", { className: "log-rows" });
    this.view = make("div", { className: "log-view", tabIndex: 0 }, this.rows);
    this.view.setAttribute("role", "log");
    // Rows come and go as one scrolls; read aloud they would never end.
    this.view.setAttribute("aria-live", "off");
    this.view.setAttribute("aria-label", "Output");
    this.empty = make("div", { className: "log-empty", textContent: "Opening the log…" });
    this.more = make("button", { className: "log-new", type: "button", textContent: "New lines ↓", hidden: true });
    this.element.replaceChildren(bar, this.view, this.empty, this.more);

    this.view.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.follow.addEventListener("click", () => this.setFollowing(!this.following));
    this.more.addEventListener("click", () => this.setFollowing(true));
    this.step.addEventListener("change", () => this.showStep(this.step.value));
    back.addEventListener("click", () => this.goHit(-1));
    next.addEventListener("click", () => this.goHit(1));
    this.search.addEventListener("keydown", e => { if (e.key === "Enter") { e.preventDefault(); this.goHit(e.shiftKey ? -1 : 1); } });
    this.search.addEventListener("input", () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.find(), 250); });
    this.rows.addEventListener("click", e => { const n = e.target.closest(".n"); if (n) { e.preventDefault(); this.mark(Number(n.textContent)); } });
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(this.view);
  }

  async begin() {
    let tail;
    while (!tail && !this.closed) {
      try { tail = await this.get(`?tail=${CHUNK}`); } catch { await new Promise(done => setTimeout(done, 1500)); }
    }
    if (this.closed) return;
    this.keep(tail.lines);
    this.last = tail.last;
    const linked = /^#L(\d+)$/.exec(location.hash);
    this.size();
    if (linked && Number(linked[1]) <= this.last) { this.setFollowing(false); this.mark(Number(linked[1])); }
    else this.setFollowing(true);
    if (!this.closed) await join(this);
  }

  // What the live hub needs: where to go on after a break.
  ask(connection) { return connection.invoke("FollowRun", this.run, this.last); }
  state(up) {
    const was = this.broken.textContent;
    this.broken.textContent = up ? "" : "Reconnecting…";
    if (up && was) this.draw();
  }

  lines(batch) {
    let grew = false;
    for (const [seq, at, step, attempt, stream, text] of batch) {
      if (seq <= this.last) continue;
      this.known.set(seq, { seq, at, step, attempt, stream, text });
      this.last = seq;
      if (this.only && step === this.step.value) this.only.push(seq);
      grew = true;
    }
    if (!grew) return;
    this.trim();
    this.size();
    if (this.following) this.toEnd(); else this.more.hidden = false;
    this.draw();
  }

  get total() { return this.only ? this.only.length : this.last; }
  seqAt(i) { return this.only ? this.only[i] : i + 1; }
  indexOf(seq) { return this.only ? lower(this.only, seq) : seq - 1; }

  size() {
    this.rows.style.height = `${this.total * ROW}px`;
    this.count.textContent = `${this.total.toLocaleString("en")} lines`;
    this.empty.hidden = this.total > 0;
    this.empty.textContent = "No output yet. Lines show here the moment they are written.";
    this.element.dataset.lines = this.total;
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    const first = Math.max(0, Math.floor(this.view.scrollTop / ROW) - 20);
    const end = Math.min(this.total, first + Math.ceil(this.view.clientHeight / ROW) + 40);
    const fragment = document.createDocumentFragment();
    const missing = [];
    for (let i = first; i < end; i++) {
      const line = this.known.get(this.seqAt(i));
      if (line) fragment.append(this.row(line, i)); else missing.push(this.seqAt(i));
    }
    this.rows.replaceChildren(fragment);
    if (missing.length) this.fetch(missing[0]);
  }

  row(line, index) {
    const row = document.createElement("div");
    row.className = `log-row ${line.stream}${line.seq === this.marked ? " marked" : ""}`;
    row.style.top = `${index * ROW}px`;
    row.dataset.seq = line.seq;
    const n = Object.assign(document.createElement("a"), { className: "n", href: here(line.seq), textContent: line.seq });
    const t = Object.assign(document.createElement("span"), { className: "t", textContent: line.at.slice(11, 23), title: `${line.at} (UTC)` });
    const s = Object.assign(document.createElement("span"), { className: "s", textContent: line.step });
    row.append(n, t, s);
    for (const part of spans(line.text)) row.append(this.text(part));
    return row;
  }

  text({ text, style }) {
    const span = document.createElement("span");
    if (style) span.style.cssText = style;
    const term = this.term.toLowerCase();
    if (!term) { span.textContent = text; return span; }
    const low = text.toLowerCase();
    let from = 0;
    for (let at = low.indexOf(term); at >= 0; at = low.indexOf(term, from)) {
      span.append(text.slice(from, at), Object.assign(document.createElement("mark"), { textContent: text.slice(at, at + term.length) }));
      from = at + term.length;
    }
    span.append(text.slice(from));
    return span;
  }

  async fetch(seq) {
    const after = this.only ? seq - 1 : Math.max(0, Math.floor((seq - 1) / CHUNK) * CHUNK);
    const key = `${this.step.value}:${after}`;
    if (this.asked.has(key)) return;
    this.asked.add(key);
    try {
      const step = this.only ? `&step=${encodeURIComponent(this.step.value)}` : "";
      this.keep((await this.get(`?after=${after}&limit=${CHUNK}${step}`)).lines);
      this.draw();
    } catch {
      // Rows in sight are asked for again, as long as they are in sight.
      setTimeout(() => this.draw(), 1500);
    } finally {
      this.asked.delete(key);
    }
  }

  keep(lines) {
    for (const l of lines) this.known.set(l.seq, l);
    this.trim();
  }

  trim() {
    if (this.known.size <= MOST_KEPT) return;
    const near = this.seqAt(Math.min(this.total - 1, Math.floor(this.view.scrollTop / ROW))) ?? this.last;
    const far = [...this.known.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near)).slice(0, this.known.size - MOST_KEPT / 2);
    for (const seq of far) this.known.delete(seq);
  }

  scrolled() {
    const atEnd = this.view.scrollTop + this.view.clientHeight >= this.rows.offsetHeight - ROW * 1.5;
    // Only a person's scrolling up ends the following; lines that arrive below do not.
    if (!atEnd && this.following && this.view.scrollTop < this.wasTop) this.setFollowing(false);
    if (atEnd && !this.following && this.view.scrollTop > this.wasTop) this.setFollowing(true);
    this.wasTop = this.view.scrollTop;
    this.draw();
  }

  setFollowing(on) {
    this.following = on;
    this.follow.setAttribute("aria-pressed", String(on));
    if (on) { this.more.hidden = true; this.toEnd(); }
    this.draw();
  }

  toEnd() { this.view.scrollTop = this.rows.offsetHeight; this.wasTop = this.view.scrollTop; }

  async showStep(step) {
    // Undo and recovery steps join a run later than the pane opened.
    if (step && ![...this.step.options].some(o => o.value === step)) this.step.append(new Option(step, step));
    this.step.value = step;
    this.only = null;
    if (step) {
      const seqs = [];
      for (let more = true; more;) {
        const found = await this.get(`/find?step=${encodeURIComponent(step)}&after=${seqs.at(-1) ?? 0}`);
        if (this.step.value !== step) return;
        for (const seq of found.seqs) seqs.push(seq);
        more = found.more;
      }
      this.only = seqs;
      // Lines that arrived while the server looked.
      for (const [seq, line] of this.known) if (line.step === step && seq > (seqs.at(-1) ?? 0)) this.only.push(seq);
      this.only.sort((a, b) => a - b);
    }
    this.size();
    this.setFollowing(true);
    await this.find();
  }

  async find() {
    this.term = this.search.value;
    this.hits = [];
    this.hit = -1;
    this.found.textContent = "";
    if (this.term) {
      const asked = this.term;
      const step = this.only ? `&step=${encodeURIComponent(this.step.value)}` : "";
      const found = await this.get(`/find?text=${encodeURIComponent(asked)}${step}`);
      if (asked !== this.search.value || step !== (this.only ? `&step=${encodeURIComponent(this.step.value)}` : "")) return;
      this.hits = found.seqs;
      this.found.textContent = this.hits.length ? `${this.hits.length.toLocaleString("en")}${found.more ? "+" : ""} found` : "nothing found";
    }
    this.draw();
  }

  goHit(direction) {
    if (!this.hits.length) return;
    this.hit = this.hit < 0 ? (direction < 0 ? this.hits.length - 1 : 0) : (this.hit + direction + this.hits.length) % this.hits.length;
    this.found.textContent = `${this.hit + 1} of ${this.hits.length.toLocaleString("en")}`;
    this.setFollowing(false);
    this.mark(this.hits[this.hit], false);
  }

  mark(seq, link = true) {
    this.marked = seq;
    if (link) history.replaceState(history.state, "", here(seq));
    this.following = false;
    this.follow.setAttribute("aria-pressed", "false");
    this.view.scrollTop = Math.max(0, this.indexOf(seq) * ROW - this.view.clientHeight / 2);
    this.wasTop = this.view.scrollTop;
    this.draw();
  }

  async get(path) {
    let answer;
    try {
      answer = await fetch(`/api/v1/runs/${this.run}/logs${path}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`The log answers ${answer.status}`);
    } catch (e) {
      this.state(false);
      throw e;
    }
    this.state(true);
    return answer.json();
  }

  close() {
    this.closed = true;
    leave(this);
    this.resize.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

function lower(list, value) {
  let lo = 0, hi = list.length;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (list[mid] < value) lo = mid + 1; else hi = mid; }
  return lo;
}
