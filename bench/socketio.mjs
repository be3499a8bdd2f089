// An echo of npm socket.io with its defaults, event to event: what tests/conformance/socketio_server.py does.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const { Server } = createRequire(new URL('../tests/clients/package.json', import.meta.url))('socket.io');

const http = createServer();
const io = new Server(http);
io.on('connection', (socket) => {
  socket.emit('auth', socket.handshake.auth);
  socket.on('message', (...args) => socket.emit('message-back', ...args));
});
http.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => {
  console.log(`ws://127.0.0.1:${http.address().port}/socket.io/?EIO=4&transport=websocket`);
});
