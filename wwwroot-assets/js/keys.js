// Keyboard shortcuts. A page says what its keys do where the thing stands: data-key presses it, data-key-focus puts the cursor into it.
// The help sheet (?) lists what is there right now, so that it can never promise a key that does nothing.
const PLACES = { b: ["/", "Board"], a: ["/approvals", "Approvals"], p: ["/plans", "Plans"], m: ["/matrices", "Matrices"], c: ["/catalog", "Catalog"], e: ["/escalations", "Escalations"] };
const PATIENCE = 1200;
let leader = 0;

const typing = target => target.closest?.("input, textarea, select, [contenteditable]");
const visible = element => element.offsetParent !== null && !element.disabled;
const find = (name, key) => [...document.querySelectorAll(`[${name}="${CSS.escape(key)}"]`)].find(visible);

document.addEventListener("keydown", e => {
  if (e.key === "Escape" && typing(e.target)) return e.target.blur();
  if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target) || e.defaultPrevented || e.repeat) return;
  const sheet = document.getElementById("keys");
  if (sheet?.open || document.querySelector(".rz-dialog")) return;
  const led = Date.now() - leader < PATIENCE;
  leader = 0;
  if (led && PLACES[e.key]) {
    e.preventDefault();
    // Pressed like a link, so that the page changes without being loaded anew.
    const link = Object.assign(document.createElement("a"), { href: PLACES[e.key][0], hidden: true });
    document.querySelector(".app")?.append(link);
    link.click();
    return link.remove();
  }
  // "g" and then something that is no place must not press what that key means alone.
  if (led && e.key.length === 1) return;
  if (e.key === "g") { leader = Date.now(); return; }
  if (e.key === "?") { e.preventDefault(); return help(); }
  const focus = find("data-key-focus", e.key), press = find("data-key", e.key);
  if (focus) { e.preventDefault(); focus.focus(); focus.scrollIntoView({ block: "nearest" }); }
  else if (press) { e.preventDefault(); press.click(); }
});

document.addEventListener("click", e => { if (e.target.closest("[data-action=keys]")) help(); });

function help() {
  document.getElementById("keys")?.remove();
  const sheet = Object.assign(document.createElement("dialog"), { id: "keys" });
  sheet.setAttribute("aria-label", "Keyboard shortcuts");
  const here = [...document.querySelectorAll("[data-key], [data-key-focus]")].filter(visible)
    .map(x => [x.dataset.key ?? x.dataset.keyFocus, x.dataset.keySays ?? x.getAttribute("aria-label") ?? x.textContent.trim()]).filter(([key]) => key);
  const groups = [["On this page", here], ["Go to", Object.entries(PLACES).map(([key, [, name]]) => [`g ${key}`, name])], ["Anywhere", [["?", "This sheet"], ["Esc", "Leave a field, close a dialog"]]]];
  const close = Object.assign(document.createElement("button"), { className: "button", textContent: "Close", autofocus: true });
  close.addEventListener("click", () => sheet.close());
  sheet.append(Object.assign(document.createElement("h2"), { textContent: "Keyboard shortcuts" }));
  for (const [title, rows] of groups) {
    if (rows.length === 0) continue;
    const list = document.createElement("dl");
    for (const [key, says] of rows) {
      const term = document.createElement("dt");
      for (const k of key.split(" ")) term.append(Object.assign(document.createElement("kbd"), { textContent: k }));
      list.append(term, Object.assign(document.createElement("dd"), { textContent: says }));
    }
    sheet.append(Object.assign(document.createElement("h3"), { textContent: title }), list);
  }
  sheet.append(close);
  sheet.addEventListener("click", e => { if (e.target === sheet) sheet.close(); });
  sheet.addEventListener("close", () => sheet.remove());
  document.body.append(sheet);
  sheet.showModal();
}
