// One connection to the live hub for all panes of a page. After a break each pane asks again from its own position.
let connection;
const panes = new Set();

function start() {
  connection ??= new signalR.HubConnectionBuilder().withUrl("/hubs/live")
    .withAutomaticReconnect({ nextRetryDelayInMilliseconds: r => Math.min(5000, 300 * 2 ** r.previousRetryCount) }).build();
  connection.on("Lines", (run, lines) => panes.forEach(p => p.run === run && p.lines?.(lines)));
  connection.on("Metrics", (incident, points) => panes.forEach(p => p.incident === incident && p.metrics?.(points)));
  connection.on("Presence", (incident, names) => panes.forEach(p => p.incident === incident && p.presence?.(names)));
  connection.on("Events", () => { });
  connection.onreconnecting(() => panes.forEach(p => p.state?.(false)));
  connection.onreconnected(() => panes.forEach(p => { p.state?.(true); p.ask(connection); }));
  return connect();
}

async function connect() {
  for (let wait = 300; ; wait = Math.min(5000, wait * 2)) {
    try { return await connection.start(); } catch { await new Promise(done => setTimeout(done, wait)); }
  }
}

let started;
export async function join(pane) {
  panes.add(pane);
  await (started ??= start());
  if (panes.has(pane)) await pane.ask(connection);
}

export function leave(pane) {
  panes.delete(pane);
  if (connection?.state === "Connected") connection.invoke("Leave", pane.run ?? pane.incident).catch(() => { });
}
