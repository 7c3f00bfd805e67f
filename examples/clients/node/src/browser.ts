// Has a page in Chromium ask: `node dist/src/browser.js connect|grpc-web HOST:PORT`. The page is of
// another site than the server, so its --http-origins have to allow it.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"];

async function main(how: string, target: string): Promise<void> {
  const script = await readFile("dist/page.js");
  const profile = await mkdtemp(join(tmpdir(), "chromium-"));
  const lines = await new Promise<string>((resolve, reject) => {
    const server = createServer(async (request, response) => {
      if (request.method === "POST") {
        resolve(await text(request));
        response.end();
        server.close();
        chromium.kill();
      } else if (request.url === "/page.js") {
        response.setHeader("content-type", "text/javascript").end(script);
      } else {
        response.setHeader("content-type", "text/html");
        response.end('<!doctype html><script type="module" src="/page.js"></script>');
      }
    });
    let chromium: ReturnType<typeof spawn>;
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      const page = `http://127.0.0.1:${port}/?how=${how}&target=${target}`;
      const command = process.env.CHROMIUM ?? "chromium";
      chromium = spawn(command, [...FLAGS, `--user-data-dir=${profile}`, page], { stdio: "ignore" });
      chromium.on("error", reject);
      chromium.on("exit", () => reject(new Error("the browser ended before its page had answers")));
    });
  });
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  console.log(lines);
}

const [how, target] = process.argv.slice(2);
await main(how, target);
