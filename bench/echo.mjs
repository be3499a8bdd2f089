// A WebSocket echo of npm ws that reads and writes JSON, without compression; {"burst": n} is answered n times.
// With a number of milliseconds it pings all its clients that often, as the package's README does it.
import { createRequire } from 'node:module';

const { WebSocketServer } = createRequire(new URL('../tests/clients/package.json', import.meta.url))('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 1024 });
server.on('connection', (socket) => {
  socket.isAlive = true;
  socket.on('pong', () => { socket.isAlive = true; });
  socket.on('message', (data) => {
    const said = JSON.parse(data);
    if (said.burst === undefined) socket.send(JSON.stringify(said));
    else for (let i = 0; i < said.burst; i += 1) socket.send(`{"type":"chat_out","msg_out":{"id":${i},"text":"${'lorem ipsum '.repeat(8)}"}}`);
  });
});
if (process.argv[2]) {
  setInterval(() => {
    for (const socket of server.clients) {
      if (!socket.isAlive) { socket.terminate(); continue; }
      socket.isAlive = false;
      socket.ping();
    }
  }, Number(process.argv[2]));
}
server.on('listening', () => console.log(`ws://127.0.0.1:${server.address().port}/`));
