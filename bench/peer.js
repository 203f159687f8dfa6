// The same job in Node.js behind proxy_pass.

"use strict";

const { createHash } = require("crypto");
const http = require("http");

const secret = "secret";
const horizon = 1000;
const rooms = new Map();

function signed(event) {
    const text = [secret, event.timestamp, event.nonce].sort().join("");
    return createHash("sha1").update(text).digest("hex") === event.signature;
}

function join(event) {
    const room = `${event.room_id}/${event.room_session_id}`;
    let streams = rooms.get(room);
    if (!streams) {
        rooms.set(room, streams = new Map());
    }
    const closed = event.event === "stream_close";
    const seq = Number(event.stream_seq);
    const known = streams.get(event.stream_id);
    if (known && (seq < known.seq
                  || seq === known.seq && (known.closed || !closed))) {
        return;
    }
    const entry = {
        closed, seq, sid: event.stream_sid, time: event.create_time_ms,
        user: event.user_id, name: event.user_name, extra: event.extra_info,
    };
    streams.set(event.stream_id, entry);
    if (closed) {
        setTimeout(() => streams.get(event.stream_id) === entry
                         && streams.delete(event.stream_id), horizon);
    }
}

http.createServer((request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
        let status = 200;
        try {
            const event = JSON.parse(Buffer.concat(pieces));
            if (signed(event)) {
                join(event);
            } else {
                status = 403;
            }
        } catch {
            status = 400;
        }
        response.writeHead(status, { "Content-Length": 0 }).end();
    });
}).listen(process.argv[2], "127.0.0.1");
