// A WebSocket echo of npm ws that reads and writes JSON, without compression.
import { createRequire } from 'node:module';

const { WebSocketServer } = createRequire(new URL('../tests/clients/package.json', import.meta.url))('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 1024 });
server.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(JSON.stringify(JSON.parse(data))));
});
server.on('listening', () => console.log(`ws://127.0.0.1:${server.address().port}/`));
