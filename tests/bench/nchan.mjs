// Debian's nginx with nchan: one worker, messages in its memory, EventSource subscribers; publishing
// by POST over one connection that is kept, and pipelined, so that it never waits for us.
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, startChild } from '../integration/harness/process.mjs';
import { accepts } from './fleet.mjs';
import { until } from '../integration/harness/wait.mjs';

const requestsAWrite = 64;

function configuration(directory, port) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
    daemon off; pid ${directory}/nginx.pid; worker_processes 1; worker_rlimit_nofile 65536;
    events { worker_connections 32768; multi_accept on; }
    http {
      access_log off; tcp_nodelay on; keepalive_requests 100000000;
      ${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
      nchan_shared_memory_size 512m;
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location ~ ^/publish/(\\w+)$ {
          nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 1000000; nchan_message_timeout 1h;
        }
        location ~ ^/subscribe/(\\w+)$ {
          nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest;
        }
      }
    }`;
}

export class Nchan {
  channels = 0;

  async start(directory) {
    this.port = await freePort();
    this.directory = directory;
    this.log = join(directory, 'nginx.log');
    const file = join(directory, 'nginx.conf');
    writeFileSync(file, configuration(directory, this.port));
    this.child = startChild('/usr/sbin/nginx', ['-p', directory, '-e', 'stderr', '-c', file], {
      log: this.log,
      signal: 'TERM',
    });
    await until('nginx listens', () => accepts(this.port));
  }

  /** The one process that serves. */
  get worker() {
    const { pid } = this.child;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
  }

  /** Posts COUNT bodies, BODY(n), to CHANNEL. */
  async publish(channel, count, body) {
    const socket = net.connect(this.port, '127.0.0.1');
    socket.resume(); // the answers: the subscribers tell what has come
    const request = (n) => {
      const text = body(n);
      return `POST /publish/${channel} HTTP/1.1\r\nHost: bench\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
    };
    for (let n = 0; n < count; n += requestsAWrite) {
      const length = Math.min(requestsAWrite, count - n);
      const text = Array.from({ length }, (_, k) => request(n + k)).join('');
      if (!socket.write(text)) await once(socket, 'drain');
    }
    return socket;
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.child.exited;
  }
}
