// Starts the circuit, says when it is lost, and comes back by itself; switches the theme.
const banner = document.getElementById("connection");
document.getElementById("reload").addEventListener("click", () => location.reload());

const lost = {
  onConnectionDown() {
    banner.hidden = false;
    this.tries = 0;
    this.again();
  },
  onConnectionUp() { banner.hidden = true; },
  async again() {
    // Every second at first, then every five, for as long as the page is open: an incident outlasts any fixed number of tries.
    await new Promise(done => setTimeout(done, ++this.tries < 10 ? 1000 : 5000));
    if (banner.hidden) return;
    try {
      if (await Blazor.reconnect()) return this.onConnectionUp();
      // The server answers but has forgotten this circuit: nothing is lost, the page is drawn anew from the journal.
      return location.reload();
    } catch {
      return this.again();
    }
  },
};

if (window.Blazor) Blazor.start({ circuit: { reconnectionHandler: lost } });

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("themechange")));

document.addEventListener("click", e => {
  if (e.target.closest(".skip")) {
    // <base href="/"> would lead "#content" to the board.
    e.preventDefault();
    document.getElementById("content")?.focus();
    return;
  }
  if (!e.target.closest("[data-action=theme]")) return;
  const root = document.documentElement;
  const next = { auto: "light", light: "dark", dark: "auto" }[root.dataset.theme] ?? "auto";
  root.dataset.theme = next;
  document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
  for (const sheet of document.querySelectorAll("[data-theme-sheet]")) {
    const mine = sheet.dataset.themeSheet;
    sheet.media = next === "auto" ? `(prefers-color-scheme: ${mine})` : next === mine ? "all" : "not all";
  }
  document.dispatchEvent(new CustomEvent("themechange"));
});
