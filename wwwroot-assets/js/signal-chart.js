// Error rate and latency of an incident's service. Points come over the live hub; the 30 % line is where the matrix says "high".
import { join, leave } from "./live.js";

const MOST = 3600;

export function open(element, incident) { return new SignalChart(element, incident); }

class SignalChart {
  constructor(element, incident) {
    this.element = element;
    this.incident = incident;
    this.reset();
    this.draw();
    this.resize = new ResizeObserver(() => this.plot?.setSize({ width: this.element.clientWidth, height: 220 }));
    this.resize.observe(element);
    this.redraw = () => this.draw();
    document.addEventListener("themechange", this.redraw);
    join(this);
  }

  reset() { this.errorRate = new Map(); this.latency = new Map(); }

  // The hub sends the whole chart's past on each join; points are kept by their time, so nothing shows twice.
  ask(connection) { return connection.invoke("JoinIncident", this.incident, Number.MAX_SAFE_INTEGER); }

  metrics(points) {
    for (const p of points) {
      const into = p.series === "errorRate" ? this.errorRate : p.series === "latency" ? this.latency : null;
      into?.set(Date.parse(p.at) / 1000, p.value);
    }
    for (const map of [this.errorRate, this.latency])
      while (map.size > MOST) map.delete(map.keys().next().value);
    this.update();
  }

  presence(names) {
    const where = document.querySelector("[data-presence]");
    if (where) where.textContent = names.length > 1 ? ` · here now: ${names.join(", ")}` : "";
  }

  data() {
    const at = [...new Set([...this.errorRate.keys(), ...this.latency.keys()])].sort((a, b) => a - b);
    return [at, at.map(t => this.errorRate.has(t) ? this.errorRate.get(t) * 100 : null), at.map(t => this.latency.has(t) ? this.latency.get(t) * 1000 : null)];
  }

  update() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const data = this.data();
      this.plot.setData(data);
      const last = [...this.errorRate.values()].at(-1);
      this.element.dataset.last = last === undefined ? "" : String(last);
    });
  }

  draw() {
    this.plot?.destroy();
    const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: css("--ink-faint"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") }, font: "12px sans-serif" };
    this.plot = new uPlot({
      width: Math.max(280, this.element.clientWidth), height: 220,
      scales: { y: { range: (u, min, max) => [0, Math.max(50, max ?? 0)] }, ms: { range: (u, min, max) => [0, Math.max(50, (max ?? 0) * 1.1)] } },
      axes: [axis, { ...axis, values: (u, v) => v.map(x => x + " %"), size: 54 }, { ...axis, side: 1, scale: "ms", values: (u, v) => v.map(x => x + " ms"), grid: { show: false }, size: 64 }],
      series: [
        {},
        { label: "Errors", stroke: css("--bad"), width: 2, fill: css("--bad-soft"), value: (u, v) => v == null ? "–" : v.toFixed(1) + " %", spanGaps: true, points: { show: false } },
        { label: "Latency p95", scale: "ms", stroke: css("--busy"), width: 1.5, dash: [6, 3], value: (u, v) => v == null ? "–" : v.toFixed(0) + " ms", spanGaps: true, points: { show: false } },
      ],
      hooks: {
        draw: [u => {
          const y = u.valToPos(30, "y", true), c = u.ctx;
          c.save(); c.strokeStyle = css("--high"); c.setLineDash([3, 4]); c.lineWidth = 1;
          c.beginPath(); c.moveTo(u.bbox.left, y); c.lineTo(u.bbox.left + u.bbox.width, y); c.stroke();
          c.fillStyle = css("--high"); c.font = "11px sans-serif"; c.textAlign = "left"; c.fillText("high: above 30 %", u.bbox.left + 6, y - 5); c.restore();
        }],
      },
    }, this.data(), this.element);
  }

  close() {
    leave(this);
    document.removeEventListener("themechange", this.redraw);
    this.resize.disconnect();
    this.plot?.destroy();
  }
}
