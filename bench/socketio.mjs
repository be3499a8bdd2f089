// Servers of npm socket.io with its defaults: `echo` does what tests/conformance/socketio_server.py does, `mia` and
// `chatbot` have the events that these backends have, with as little behind them as their answers need.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const { Server } = createRequire(new URL('../tests/clients/package.json', import.meta.url))('socket.io');

const KEPT = 1000;
const keep = (list, one) => {
  list.push(one);
  if (list.length > KEPT) list.shift();
};

const talks = {
  echo(io) {
    io.on('connection', (socket) => {
      socket.emit('auth', socket.handshake.auth);
      socket.on('message', (...args) => socket.emit('message-back', ...args));
    });
  },
  mia(io) {
    const rooms = new Map();
    io.on('connection', (socket) => {
      const roomId = socket.handshake.auth.roomId || randomUUID();
      const list = rooms.get(roomId) ?? [];
      rooms.set(roomId, list);
      socket.join(roomId);
      socket.emit('EVENT_INIT_ROOM', { roomId, instance: { id: 34, name: 'Mia', avatar: null } });
      socket.emit('EVENT_SERVER_INIT_MESSAGE_LIST', list);
      socket.on('EVENT_CLIENT_SEND_MESSAGE', ({ content }) => {
        const message = {
          id: randomUUID(), content, createdAt: new Date().toISOString(), status: 'sent', direction: 'outgoing', type: 'text/plain',
        };
        keep(list, message);
        io.to(roomId).emit('EVENT_SERVER_SEND_MESSAGE', message);
      });
      socket.on('disconnect', () => rooms.delete(roomId));
    });
  },
  chatbot(io) {
    const conversations = new Map();
    io.on('connection', (socket) => {
      const userId = `anon_${randomUUID()}`;
      socket.emit('connected', { message: 'Connected', userId, tenantId: 'tenant-123', timestamp: new Date().toISOString() });
      socket.on('join-conversation', () => {
        const conversationId = `conv_${Date.now()}_${randomUUID().slice(0, 9)}`;
        conversations.set(conversationId, { status: 'new', messages: [] });
        socket.join(conversationId);
        socket.emit('conversation-started', { conversationId, messages: [] });
        socket.on('disconnect', () => conversations.delete(conversationId));
      });
      socket.on('send-message', ({ conversationId, content }) => {
        const conversation = conversations.get(conversationId);
        if (conversation === undefined) {
          socket.emit('error', { message: 'unknown conversation', conversationId });
          return;
        }
        const message = {
          _id: randomUUID().replaceAll('-', '').slice(0, 24), messageId: `msg_${Date.now()}_${randomUUID().slice(0, 9)}`, conversationId, userId,
          sender: 'user', content, timestamp: new Date().toISOString(), color: '#2563eb',
          status: { sent: true, delivered: false, read: false }, reactions: { liked: false, disliked: false },
        };
        keep(conversation.messages, message);
        io.to(conversationId).emit('message', { message, conversationId });
        if (conversation.status === 'new') {
          conversation.status = 'active';
          io.to(conversationId).emit('status-change', { status: 'active', conversationId });
        }
      });
    });
  },
};

const talk = process.argv[2] ?? 'echo';
const http = createServer();
// Five seconds by default: clients that poll would be cut off while the others still come.
http.keepAliveTimeout = 60_000;
// mia's clients can be recovered, as those of the backend can.
const pinging = process.argv[3] ? { pingInterval: Number(process.argv[3]) } : {};
const io = new Server(http, { ...pinging, ...(talk === 'mia' ? { connectionStateRecovery: {} } : {}) });
talks[talk](io);
http.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => {
  console.log(`ws://127.0.0.1:${http.address().port}/socket.io/?EIO=4&transport=websocket`);
});
