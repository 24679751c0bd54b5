// A stand-in for a Moodle site: a front page whose head can hold a tag.
import { createServer } from "node:http";

export class Site {
  static async start() {
    const site = new Site();
    site.head = "";
    site.server = createServer((_, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end(`<!doctype html><html><head><title>School</title>${site.head}</head><body>Moodle</body></html>`);
    });
    await new Promise((done) => site.server.listen(0, "127.0.0.1", done));
    site.url = `http://127.0.0.1:${site.server.address().port}`;
    return site;
  }

  stop() {
    this.server.close();
  }
}
