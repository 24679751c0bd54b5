// The hub under test: the binary, as users run it, in a folder of its own.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Asks `probe` again until it gives something, for at most `seconds`. */
export async function until(what, probe, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise((next) => setTimeout(next, 25));
  }
}

export class Hub {
  static async start(binary, extra = {}) {
    const hub = new Hub();
    hub.binary = binary;
    hub.folder = mkdtempSync(join(tmpdir(), "belfry-"));
    hub.port = await freePort();
    hub.url = `http://127.0.0.1:${hub.port}`;
    hub.env = {
      PATH: process.env.PATH,
      BELFRY_SERVER__BIND: `127.0.0.1:${hub.port}`,
      BELFRY_SERVER__PUBLIC_URL: hub.url,
      BELFRY_DATABASE__URL: `sqlite://${hub.folder}/belfry.db`,
      BELFRY_LIMITS__REGISTRATIONS_PER_HOUR: "1000",
      BELFRY_LIMITS__LOGINS_PER_HOUR: "1000",
      BELFRY_LIMITS__RESETS_PER_HOUR: "1000",
      ...extra,
    };
    await hub.run();
    return hub;
  }

  async run() {
    const log = openSync(join(this.folder, "log"), "a");
    this.child = spawn(this.binary, [], { cwd: this.folder, env: this.env, stdio: ["ignore", log, log] });
    await until("the hub", () => fetch(`${this.url}/healthz`).then((r) => r.ok, () => false));
  }

  /** kill -9, and up again. */
  async crash() {
    const gone = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGKILL");
    await gone;
    await this.run();
  }

  command(...words) {
    return execFileSync(this.binary, words, { cwd: this.folder, env: this.env, encoding: "utf8" });
  }

  /** SIGTERM; gives the exit code. */
  async stop() {
    const gone = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGTERM");
    const code = await gone;
    rmSync(this.folder, { recursive: true, force: true });
    return code;
  }
}
