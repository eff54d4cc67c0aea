// The least a server can do: what comes in goes out to everybody in the room, its author included. Nothing is kept.

import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export function start() {
  const rooms = new Map();
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket, { url }) => {
    const room = rooms.get(url) ?? new Set();
    rooms.set(url, room.add(socket));
    socket.on('message', (frame) => { for (const member of room) member.send(frame); });
    socket.on('close', () => room.delete(socket));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}
