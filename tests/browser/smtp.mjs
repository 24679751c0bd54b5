// A real SMTP server, as small as it can be, which keeps what it gets.
import { createServer } from "node:net";

export class Sink {
  static async start() {
    const sink = new Sink();
    sink.letters = [];
    sink.server = createServer((socket) => sink.serve(socket));
    await new Promise((done) => sink.server.listen(0, "127.0.0.1", done));
    sink.url = `smtp://127.0.0.1:${sink.server.address().port}`;
    return sink;
  }

  serve(socket) {
    let data = null;
    let rest = "";
    let to = "";
    const say = (line) => socket.write(`${line}\r\n`);
    say("220 sink");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1");
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (data !== null) {
          if (line === ".") {
            this.letters.push({ to, raw: data, text: textOf(data), subject: subjectOf(data) });
            data = null;
            say("250 kept");
          } else data += `${line.replace(/^\.\./, ".")}\r\n`;
        } else if (/^DATA/i.test(line)) { data = ""; say("354 go on"); }
        else if (/^RCPT TO/i.test(line)) { to = line.match(/<(.*)>/)[1]; say("250 ok"); }
        else if (/^QUIT/i.test(line)) { say("221 bye"); socket.end(); }
        else say("250 ok");
      }
    });
  }

  stop() {
    this.server.close();
  }
}

function subjectOf(raw) {
  return (raw.match(/^Subject: (.*(?:\r\n[ \t].*)*)/m)?.[1] ?? "").replace(/\r\n[ \t]/g, " ");
}

/** The plain part, decoded. */
function textOf(raw) {
  const boundary = raw.match(/boundary="([^"]+)"/)?.[1];
  const parts = boundary ? raw.split(`--${boundary}`) : [raw];
  const part = parts.find((p) => /content-type: text\/plain/i.test(p)) ?? raw;
  const [head, ...body] = part.split("\r\n\r\n");
  const text = body.join("\r\n\r\n");
  if (/quoted-printable/i.test(head)) {
    const bytes = text.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return Buffer.from(bytes, "latin1").toString("utf8");
  }
  if (/base64/i.test(head)) return Buffer.from(text, "base64").toString("utf8");
  return text;
}
