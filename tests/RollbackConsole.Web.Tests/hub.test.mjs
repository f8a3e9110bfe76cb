// A viewer of the live hub, as others write one: node hub.test.mjs SIGNALR ADDRESS TOKEN RUN LINES
// It cuts its own connection twice in the middle and goes on from its last line; prints the numbers that it saw.
import { createRequire } from "node:module";
const [, , modules, address, token, run, want] = process.argv;
const signalR = createRequire(modules + "/")("@microsoft/signalr");

const seen = [];
let cuts = 0;
let connection;

async function follow() {
  connection = new signalR.HubConnectionBuilder().withUrl(`${address}/hubs/live`, { accessTokenFactory: () => token }).configureLogging(signalR.LogLevel.None).build();
  connection.on("Lines", async (id, lines) => {
    if (id !== run) throw new Error(`lines of ${id}`);
    for (const [seq] of lines) seen.push(seq);
    if (cuts < 2 && seen.length > (cuts + 1) * want / 4) {
      cuts++;
      const old = connection;
      connection = null;
      await old.stop();
      await follow();
    } else if (seen.at(-1) >= want) {
      console.log(JSON.stringify({ seen, cuts }));
      process.exit(0);
    }
  });
  await connection.start();
  await connection.invoke("FollowRun", run, seen.at(-1) ?? 0);
}

setTimeout(() => { console.log(JSON.stringify({ seen, cuts, timeout: true })); process.exit(1); }, 60000);
await follow();
