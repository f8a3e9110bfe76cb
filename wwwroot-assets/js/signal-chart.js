// A chart for each signal of an incident's service, with the thresholds of its rule sets drawn in. Points come over the live hub.
import { join, leave } from "./live.js";

const MOST = 3600, HEIGHT = 170;
const NAMES = { errorRate: "Failed requests", latency: "Response time (p95)", queryTimeoutRate: "Queries that time out", memoryUtilization: "Memory", warehouseUtilization: "Warehouse", memoryGrowth: "Memory growth", testPassRate: "Tests that pass" };
const UNITS = { latency: "seconds" };
const ORDER = ["errorRate", "latency"];

export function open(element, incident, thresholds, units) { return new SignalCharts(element, incident, thresholds ?? [], units ?? {}); }

const percent = x => `${+(x * 100).toFixed(1)} %`;
const FORMATS = {
  fraction: percent, increase: percent, perhour: x => percent(x) + "/h", ratio: x => `${+x.toFixed(2)} ×`,
  seconds: x => Math.abs(x) < 1 ? `${Math.round(x * 1000)} ms` : `${+x.toFixed(2)} s`, fact: x => x >= 0.5 ? "yes" : "no", count: x => `${+x.toFixed(2)}`,
};

class SignalCharts {
  constructor(element, incident, thresholds, units) {
    Object.assign(this, { element, incident, thresholds, units, series: new Map() });
    this.empty = Object.assign(document.createElement("p"), { className: "hint", textContent: "No readings of this service have come in yet." });
    element.append(this.empty);
    this.resize = new ResizeObserver(() => this.series.forEach(s => s.plot?.setSize({ width: s.box.clientWidth, height: HEIGHT })));
    this.resize.observe(element);
    this.redraw = () => this.series.forEach(s => this.draw(s));
    document.addEventListener("themechange", this.redraw);
    join(this);
  }

  // The hub sends the whole chart's past on each join; points are kept by their time, so nothing shows twice.
  ask(connection) { return connection.invoke("JoinIncident", this.incident, Number.MAX_SAFE_INTEGER); }

  metrics(points) {
    for (const p of points) {
      const s = this.of(p.series);
      s.points.set(Date.parse(p.at) / 1000, p.value);
      if (p.baseline != null) s.baseline = p.baseline;
      s.changed = true;
      while (s.points.size > MOST) s.points.delete(s.points.keys().next().value);
    }
    this.update();
  }

  presence(names) {
    const where = document.querySelector("[data-presence]");
    if (where) where.textContent = names.length > 1 ? ` · here now: ${names.join(", ")}` : "";
  }

  of(name) {
    if (this.series.has(name)) return this.series.get(name);
    this.empty.remove();
    const box = Object.assign(document.createElement("div"), { className: "one-signal" });
    box.dataset.series = name;
    const unit = this.units[name] ?? UNITS[name] ?? "count";
    const s = { name, box, points: new Map(), unit, format: FORMATS[unit] ?? FORMATS.count };
    this.series.set(name, s);
    const rank = n => (ORDER.indexOf(n) + 99) % 99;
    const after = [...this.element.children].find(c => rank(c.dataset.series) > rank(name));
    this.element.insertBefore(box, after ?? null);
    return s;
  }

  update() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      for (const s of this.series.values()) {
        if (!s.changed) continue;
        s.changed = false;
        if (s.plot) s.plot.setData(this.data(s)); else this.draw(s);
        this.title(s);
      }
      const last = [...this.series.get("errorRate")?.points.entries() ?? []].sort((a, b) => a[0] - b[0]).at(-1)?.[1];
      this.element.dataset.last = last === undefined ? "" : String(last);
    });
  }

  data(s) {
    const at = [...s.points.keys()].sort((a, b) => a - b);
    return [at, at.map(t => s.points.get(t))];
  }

  title(s) {
    const last = this.data(s)[1].at(-1);
    s.head.textContent = "";
    s.head.append(NAMES[s.name] ?? s.name, Object.assign(document.createElement("b"), { textContent: s.format(last) }));
  }

  // Thresholds against the baseline move with it; without one they cannot be drawn.
  lines(s) {
    return this.thresholds.filter(t => t.series === s.name)
      .map(t => ({ ...t, at: t.of === "value" ? t.value : s.baseline > 0 ? s.baseline * (t.of === "ratio" ? t.value : 1 + t.value) : NaN })).filter(t => isFinite(t.at));
  }

  draw(s) {
    s.plot?.destroy();
    if (!s.head) s.box.append(s.head = document.createElement("h3"));
    // A canvas cannot take light-dark(): the box says what the name means under the theme of this moment.
    const css = name => { s.box.style.color = `var(${name})`; const color = getComputedStyle(s.box).color; s.box.style.color = ""; return color; };
    const axis = { stroke: css("--ink-faint"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") }, font: "12px sans-serif" };
    const [line, fill] = s.name === "errorRate" ? ["--bad", "--bad-soft"] : ["--busy", "--busy-soft"];
    s.plot = new uPlot({
      width: Math.max(240, s.box.clientWidth), height: HEIGHT, legend: { show: false }, cursor: { y: false },
      scales: { y: { range: (u, min, max) => [0, Math.max(...this.lines(s).map(t => t.at * 1.15), (max ?? 0) * 1.1, s.unit === "fraction" ? 0.05 : 1e-9)] } },
      axes: [axis, { ...axis, values: (u, v) => v.map(s.format), size: 62 }],
      series: [{}, { label: NAMES[s.name] ?? s.name, stroke: css(line), width: 2, fill: css(fill), spanGaps: true, points: { show: s.points.size < 3 } }],
      hooks: { draw: [u => this.thresholdLines(u, s, css)] },
    }, this.data(s), s.box);
    this.title(s);
  }

  thresholdLines(u, s, css) {
    const c = u.ctx, scale = devicePixelRatio;
    c.save();
    c.setLineDash([4 * scale, 4 * scale]);
    c.lineWidth = scale;
    c.font = `${11 * scale}px sans-serif`;
    c.textAlign = "left";
    c.textBaseline = "bottom";
    let above = Infinity;
    for (const t of this.lines(s).sort((a, b) => a.at - b.at)) {
      const y = u.valToPos(t.at, "y", true);
      c.strokeStyle = c.fillStyle = css(`--${t.severity}`);
      c.beginPath(); c.moveTo(u.bbox.left, y); c.lineTo(u.bbox.left + u.bbox.width, y); c.stroke();
      // Labels that would cover each other are left out; the line and the matrix still say it.
      if (above - y < 14 * scale) continue;
      c.fillText(t.says, u.bbox.left + 6 * scale, y - 2 * scale);
      above = y;
    }
    c.restore();
  }

  close() {
    leave(this);
    document.removeEventListener("themechange", this.redraw);
    this.resize.disconnect();
    this.series.forEach(s => s.plot?.destroy());
  }
}
